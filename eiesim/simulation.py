"""simulate: the one door to the engines."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import chain
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from eiesim import capacity, streaming
from eiesim.arithmetic import Each, prepare
from eiesim.config import MachineConfig
from eiesim.counters import Run
from eiesim.encoding import InterleavedLayer, interleave
from eiesim.energy.events import EnergyTable
from eiesim.energy.model import DEFAULT_MODEL, energy_model
from eiesim.energy.record import EnergyModel
from eiesim.errors import EieError, unknown
from eiesim.job import Job
from eiesim.layer import CompressedLayer, as_float32
from eiesim.result import LayerResult, Result

ENGINES = ("clocked", "recurrence", "event")
DEFAULT_ENGINE = "recurrence"

TASKS_A_THREAD = 4

Layer = CompressedLayer | InterleavedLayer


class Layered(Protocol):
    """What has layers in a row: an opened `Model`, a `Network`, what `compress` gives. `activations` are its input."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers in order."""


Progress = Callable[[int], object]
"""Called with the number of inputs that have passed a layer since the last call."""


def simulate(
    model: Layer | Sequence[Layer] | Layered,
    activations: Any = None,
    config: MachineConfig | None = None,
    engine: str = DEFAULT_ENGINE,
    outputs: bool = True,
    *,
    energy: str | None = None,
    energy_table: EnergyTable | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run a layer, or several in a row, each one's outputs the next one's activations.

    model: a layer or layers, compressed or already interleaved for `config`; or what has `layers`, such as what
        `eiesim.open`, `load_network` and `compress` give.
    activations: float[cols] or [batch, cols], rounded to float32: an array, a torch tensor, a SciPy sparse matrix.
        None is the model's own, as `eiesim.open("table3:Alex-7")` brings them. Opened layers that do not follow one
        another run each by itself, with its own input.
    config: the machine; None is the published design.
    engine: "recurrence" (fast), "clocked" (the machine itself) or "event" (SimPy); all give the same result.
    outputs: False leaves out the last layer's outputs and computes only the timing.
    energy: the energy model, "activity", "published" or "calibrated"; None is activity where it covers the machine.
    energy_table: figures for the activity model in place of the published ones (`eiesim.load_energy_table`).
    threads: how many inputs run at once; None is one a core. The result does not depend on it.

    Raises EieError when shapes do not fit, values are not finite, an interleaved layer is for another machine, or
    the energy model asked for does not cover it.
    """
    config = config or MachineConfig()
    if hasattr(model, "feeds"):  # an opened `Model` knows whether its layers follow one another
        given = None if activations is None else as_float32("activations", activations)
        options: dict[str, Any] = {"energy": energy, "energy_table": energy_table, "threads": threads}
        feeds = [(one.layers, one.activations, one.fed, one.vectors) for one in model.feeds(given, "given")]
        return simulate_each(feeds, config, engine, outputs, progress=progress, **options)
    layers = _layers_of(model)
    if activations is None:
        activations = getattr(model, "activations", None)
        if activations is None:
            raise EieError(f"layer '{_plain(layers[0]).name}' brings no activations; give some")
    if threads is not None and threads < 1:
        raise EieError(f"threads = {threads}: must be 1 or more, or None for one a core")
    run = _engine(engine)
    spends, no_energy = _energy_for(config, energy, energy_table)
    values = as_float32("activations", activations)
    batched = values.ndim == 2
    values = np.atleast_2d(values)
    results = []
    with _side_by_side(threads, len(values)) as each:
        for k, layer in enumerate(layers):
            _check_activations(values, _plain(layer))
            wanted = outputs or k + 1 < len(layers)
            result = _simulate_layer(layer, values, batched, config, engine, run, wanted, each, progress)
            fed = "chained" if k > 0 else "given"
            results.append(replace(result, energy_model=spends, no_energy=no_energy, inputs=fed))
            if wanted:
                values = np.atleast_2d(results[-1].outputs)  # type: ignore[arg-type]
    return Result(tuple(results), config, engine)


def simulate_each(
    feeds: Sequence[tuple[Layer | Sequence[Layer], npt.ArrayLike, str, float]],
    config: MachineConfig | None = None,
    engine: str = DEFAULT_ENGINE,
    outputs: bool = True,
    **options: Any,
) -> Result:
    """Run several layers, or layers in a row, each with an input of its own; the totals are sums.

    feeds: what `simulate` takes, and for each what its input is ("given", "chained" or "recorded") and how many input
    vectors the layer has in one input of the whole network. options: those of `simulate`.
    """
    parts: list[LayerResult] = []
    for model, activations, fed, vectors in feeds:
        first, *others = simulate(model, activations, config, engine, outputs, **options).layers
        parts += [replace(first, inputs=fed, vectors=vectors), *(replace(one, vectors=vectors) for one in others)]
    return Result(tuple(parts), config or MachineConfig(), engine)


def _layers_of(model: Any) -> list[Layer]:
    if isinstance(model, CompressedLayer | InterleavedLayer):
        return [model]
    held = getattr(model, "layers", model)
    if not isinstance(held, Iterable):
        raise EieError(f"model: {type(model).__name__} is neither a layer nor layers, nor has any")
    layers = list(held)
    if not layers:
        raise EieError("there is no layer to simulate")
    for layer in layers:
        if not isinstance(layer, CompressedLayer | InterleavedLayer):
            raise EieError(f"model: {type(layer).__name__} is no compressed layer; see eiesim.compress and eiesim.open")
    return layers


def _plain(layer: Layer) -> CompressedLayer:
    return layer.layer if isinstance(layer, InterleavedLayer) else layer


def _engine(name: str) -> Callable[[Job, npt.NDArray[Any]], Run]:
    if name not in ENGINES:
        raise unknown("no engine", name, ENGINES)
    run: Callable[[Job, npt.NDArray[Any]], Run] = import_module(f"eiesim.engines.{name}").run
    return run


def _energy_for(config: MachineConfig, name: str | None, table: EnergyTable | None) -> tuple[EnergyModel | None, str]:
    """The energy model, or None and why: a machine whose memories are beyond the default's table can still be timed."""
    if name is not None or table is not None:
        return energy_model(name or DEFAULT_MODEL, config, table), ""
    try:
        return energy_model(DEFAULT_MODEL, config), ""
    except EieError as error:
        return None, f"no energy: {error}; the energy model 'published' needs no such figures"


@contextmanager
def _side_by_side(threads: int | None, inputs: int) -> Iterator[Each]:
    """What maps a function over inputs: on threads, or one after the other."""
    threads = min(threads or os.cpu_count() or 1, inputs)
    if threads <= 1:
        yield map
        return
    # Several inputs a task: with one, threads would spend their time handing Python's lock to each other.
    size = -(-inputs // (TASKS_A_THREAD * threads))
    pool = ThreadPoolExecutor(threads - 1)

    def some(function: Callable[..., Any], parts: Sequence[Sequence[Any]]) -> list[Any]:
        return list(map(function, *parts))

    def each(function: Callable[..., Any], *values: Sequence[Any]) -> Iterator[Any]:
        tasks = [[one[k : k + size] for one in values] for k in range(0, inputs, size)]
        given = [pool.submit(some, function, parts) for parts in tasks]
        done: dict[int, list[Any]] = {}
        # This thread takes tasks too: from the end, as long as nobody else has begun them.
        while len(done) < len(tasks) and given[last := len(tasks) - 1 - len(done)].cancel():
            done[last] = some(function, tasks[last])
        return chain.from_iterable(done[k] if k in done else one.result() for k, one in enumerate(given))

    try:
        yield each
    finally:
        pool.shutdown(cancel_futures=True)


def _check_activations(values: npt.NDArray[Any], layer: CompressedLayer) -> None:
    if values.ndim != 2 or len(values) == 0:
        raise EieError(f"activations: shape {values.shape}, needs (cols,) or (batch, cols) with a batch of 1 or more")
    if values.shape[1] != layer.cols:
        raise EieError(f"activations: {values.shape[1]} an input, but layer '{layer.name}' has {layer.cols} columns")
    if not np.isfinite(values).all():
        raise EieError(f"activations: NaN or infinity among the inputs of layer '{layer.name}'")


def _interleaved_for(layer: Layer, config: MachineConfig) -> InterleavedLayer:
    if isinstance(layer, CompressedLayer):
        return interleave(layer, config.pes, config.index_bits, config.mapping)
    if (layer.pes, layer.index_bits) != (config.pes, config.index_bits):
        raise EieError(
            f"layer '{layer.layer.name}' is interleaved for pes={layer.pes}, index_bits={layer.index_bits}; "
            f"the configuration has pes={config.pes}, index_bits={config.index_bits}"
        )
    if layer.mapping != config.mapping:
        raise EieError(
            f"layer '{layer.layer.name}' is interleaved for mapping={layer.mapping}; "
            f"the configuration has mapping={config.mapping}"
        )
    return layer


def _simulate_layer(
    layer: Layer,
    values: npt.NDArray[Any],
    batched: bool,
    config: MachineConfig,
    engine: str,
    run: Callable[[Job, npt.NDArray[Any]], Run],
    outputs: bool,
    each: Each,
    progress: Progress | None,
) -> LayerResult:
    interleaved = _interleaved_for(layer, config)
    layer = interleaved.layer
    if len(layer.codebook) > 2**config.weight_bits:
        raise EieError(
            f"layer '{layer.name}': its codebook has {len(layer.codebook)} entries, "
            f"weight_bits = {config.weight_bits} reach {2**config.weight_bits}"
        )
    operands = prepare(layer, values, config, outputs, each)
    if config.weights == "resident":
        job = Job.of(interleaved, operands, config, outputs)

        def one(rows: npt.NDArray[Any]) -> Run:
            result = run(job, rows)
            if progress is not None:
                progress(1)
            return result

        runs = tuple(each(one, job.in_rows(operands)))
        memory = streaming.resident(interleaved, config, sum(int(done.cycles) for done in runs))
        exceeded = capacity.exceeded(interleaved, config)
    else:
        runs, memory, exceeded = streaming.run_tiles(run, interleaved, operands, config, outputs, each, progress)
    runs = tuple(replace(run, dropped_activations=lost) for run, lost in zip(runs, operands.dropped, strict=True))
    real = None
    if outputs:
        real = operands.to_real(np.stack([run.sums for run in runs]))
        if layer.activation == "relu":
            real = np.maximum(real, 0)
        real = real if batched else real[0]
    return LayerResult(
        name=layer.name,
        rows=layer.rows,
        cols=layer.cols,
        nnz=layer.nnz,
        config=config,
        engine=engine,
        runs=runs,
        batched=batched,
        outputs=real,
        fraction_bits=operands.fraction_bits,
        exceeded=exceeded,
        memory=memory,
    )
