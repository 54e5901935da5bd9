"""simulate: runs a source on a machine, by one of the engines."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from eiesim import capacity, streaming
from eiesim._checks import whole
from eiesim._io.memory import check_memory
from eiesim._io.named import naming
from eiesim._progress import Steps, Told, telling
from eiesim.arithmetic import FEW_INPUTS, INPUTS_AT_ONCE, Each, in_parts
from eiesim.config import MachineConfig, as_config
from eiesim.counters import Run
from eiesim.energy.events import EnergyTable, as_energy_table
from eiesim.energy.model import DEFAULT_MODEL, energy_model
from eiesim.energy.record import EnergyModel
from eiesim.engines import batch, recurrence
from eiesim.errors import EieError, ExceededError, unknown
from eiesim.inputs import Opening, Source
from eiesim.layer_result import LayerResult, Provenance
from eiesim.model import CHAINED, Feed, Model, check_labels, plain, recognised
from eiesim.prepared import Config, Prepared, given, labels_given, opened, prepare_layer
from eiesim.result import Result
from eiesim.runs import BY_PE_UP_TO, COUNTED, PER_PE, Runs

ENGINES = ("clocked", "recurrence", "event")
DEFAULT_ENGINE = "recurrence"

TASKS_A_THREAD = 4

Passed = Callable[[int], object]
"""Called with the number of inputs that have passed a layer since the last call."""


@telling
@naming(labels="labels")
def simulate(
    source: Source,
    activations: Any = None,
    config: Config = None,
    engine: str = DEFAULT_ENGINE,
    outputs: bool = True,
    *,
    labels: Any = None,
    recorded: bool = False,
    strict: bool = False,
    per_pe: bool | None = None,
    energy: str | None = None,
    energy_table: EnergyTable | str | Path | None = None,
    threads: int | None = None,
    progress: Told = None,
    **opening: Unpack[Opening],
) -> Result:
    """Run a layer, or several in a row, each one's outputs the next one's activations.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        What to run: a name as the command line takes it (`"table3:Alex-7"`, `"example:lenet-300-100"`, a file, a
        folder), a `CompressedLayer`, an `InterleavedLayer` for this machine, (layer, activations), or several of
        these. Layers that do not follow one another run each by itself, with its own input.
    activations : float[cols] or [batch, cols], or a path, default None
        Rounded to float32: an array, a torch tensor, a SciPy sparse matrix, or an `.npy` or `.npz` file. None is what
        the source brings.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    engine : str, default "recurrence"
        "recurrence" (fast), "clocked" (the machine itself) or "event" (SimPy); all give the same result.
    outputs : bool, default True
        False leaves out the last layer's outputs and computes only the timing.
    labels : int[batch] or a path, default None
        Each input's class, from which `Result.accuracy` follows. None is what the source brings.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    strict : bool, default False
        Refuse layers that exceed a memory of the machine.
    per_pe : bool, default None
        Keep what every PE counted for every input: `Result.per_pe`, and `per_pe` of the result JSON. None keeps it of
        up to 1,000 inputs; of more, only what comes of all PEs and of all inputs is kept.
    energy : str, default None
        The energy model, "activity", "published" or "calibrated"; None is activity where it covers the machine.
    energy_table : EnergyTable or path, default None
        Figures for the activity model in place of the published ones, or the TOML file that holds them.
    threads : int, default None
        How many inputs run at once; None is one a core. The result does not depend on it.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step for each input that has passed a layer; see `progress`.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    Result
        Outputs, cycles, counters, time in microseconds, energy in microjoules, layer by layer and in all.

    Raises
    ------
    EieError
        Where the source is none or brings no input, shapes do not fit, values are not finite, an interleaved layer is
        for another machine, the energy model asked for does not cover it, or the batch needs more memory than is free.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.simulate("table3:NT-We", config={"pes": 16}).load_balance > 0.8
    True
    """
    machine = as_config(config)
    run = _engine(engine)
    if threads is not None:
        whole("threads", threads, 1)
    spends = _energy_for(machine, energy, energy_table)
    model = opened(source, **opening)
    fed = model.feeds(*given(activations), recorded)
    model.check_codebooks(machine.weight_bits)
    classes = _labels_for(labels, model, fed)
    steps = Steps(progress, sum(feed.batch_size * len(feed.layers) for feed in fed), "inputs")
    passed = partial(_one_by_one, steps)
    for feed in fed:
        _check_memory(feed, machine, outputs, _keeps(per_pe, feed.batch_size))
    results: list[LayerResult] = []
    for feed in fed:
        with _side_by_side(threads, feed.batch_size) as each:
            go = partial(_run, engine=engine, run=run, each=each, energy=spends, progress=passed, per_pe=per_pe)
            results += _in_a_row(feed, machine, outputs, each, go)
    exceeded = [f"{one.name}: {line}" for one in results for line in one.exceeded]
    if strict and exceeded:
        raise ExceededError("; ".join(exceeded))
    return _of_layers(results, machine, engine, classes)


def of_clocked_run(model: Model, feed: Feed, config: MachineConfig, run: Run) -> Result:
    """What `simulate` gives for one layer and one input, where the clocked engine has made the run already."""
    energy = _energy_for(config, None, None)
    go = partial(_run, engine="clocked", run=lambda job, rows: run, each=in_parts, energy=energy)
    layers = list(_in_a_row(feed, config, True, in_parts, go))
    return _of_layers(layers, config, "clocked", _labels_for(None, model, [feed]))


def _of_layers(
    layers: Sequence[LayerResult], config: MachineConfig, engine: str, classes: npt.NDArray[np.int64] | None
) -> Result:
    last = layers[-1].outputs
    accuracy = None if classes is None or last is None else recognised(last, classes)
    return Result(tuple(layers), config, engine, accuracy)


def _in_a_row(
    feed: Feed, config: MachineConfig, outputs: bool, each: Each, run: Callable[..., LayerResult]
) -> Iterator[LayerResult]:
    values: npt.NDArray[Any] = feed.activations
    fed = feed.fed
    for place, layer in enumerate(feed.layers, 1):
        wanted = outputs or place < len(feed.layers)
        one = prepare_layer(layer, values, config, wanted, each, fed=fed, vectors=feed.vectors)
        own_input = feed.activations if place == 1 else None
        again = partial(prepare_layer, layer, values, config, False, fed=fed, vectors=feed.vectors)
        made_from = partial(Provenance.of, plain(layer), own_input, feed.seed, feed.variation)
        notes = feed.notes[place - 1] if feed.notes else ()
        result = run(one, made_from=made_from, prepare=again, notes=notes)
        yield result
        if place < len(feed.layers):
            assert result.outputs is not None
            values, fed = result.outputs, CHAINED


def simulate_prepared(prepared: Prepared, engine: str = DEFAULT_ENGINE, threads: int | None = None) -> LayerResult:
    """Run one layer that is prepared already, with the default energy model, and keep what every PE counted."""
    with _side_by_side(threads, len(prepared.activations)) as each:
        return _run(prepared, engine, _engine(engine), each, _energy_for(prepared.config, None, None), per_pe=True)


def _one_by_one(steps: Steps, inputs: int) -> None:
    """Tell of inputs that have passed a layer together."""
    for _ in range(inputs):
        steps()


def _keeps(per_pe: bool | None, inputs: int) -> bool:
    """Whether what every PE counts is kept of each input."""
    return inputs <= BY_PE_UP_TO if per_pe is None else per_pe


def _check_memory(feed: Feed, config: MachineConfig, outputs: bool, by_pe: bool) -> None:
    """Refuse a batch whose results need more memory than is free, before anything is run.

    Of each input and layer that is its counters and outputs; where they are kept, by PE, and are joined, for a while
    twice; and the accumulators, as they are where weights are streamed.
    """
    sums = by_pe or config.weights != "resident"
    need = 0
    for layer in feed.layers:
        of_outputs = plain(layer).rows * (4 + 8 * sums) if outputs or layer is not feed.layers[-1] else 0
        need += 8 * len(COUNTED) + of_outputs + 2 * by_pe * 8 * len(PER_PE) * config.pes
    what = f"{feed.batch_size:,} inputs through {len(feed.layers)} layers"
    less = "; without the counters of every PE they need less" if by_pe else "; fewer at once need less"
    check_memory(need * feed.batch_size, f"{what}{less}")


def _labels_for(labels: Any, model: Model, fed: Sequence[Feed]) -> npt.NDArray[np.int64] | None:
    """The class of each input, checked; None where there are none."""
    if labels is None:
        if model.labels is None or fed[0].activations is not model.activations:
            return None
        classes = model.labels
    else:
        classes = labels_given(labels)
    if len(fed) > 1:
        named = labels if isinstance(labels, str | Path) else "labels"
        raise EieError(f"{named}: layers that run each by itself recognise nothing; labels go with a network's input")
    origin = model.origins[0] if labels is None else ""
    check_labels(classes, fed[0].batch_size, plain(fed[0].layers[-1]).rows, origin)
    return classes


@cache
def _engine(name: str) -> batch.Engine:
    if name not in ENGINES:
        raise unknown("no engine", name, ENGINES)
    run: batch.Engine = import_module(f"eiesim.engines.{name}").run
    return run


def _energy_for(config: MachineConfig, name: str | None, table: Any) -> tuple[EnergyModel | None, str]:
    """The energy model, or None and why: a machine whose memories are beyond the default's table can still be timed."""
    table = as_energy_table(table)
    if name is not None or table is not None:
        return energy_model(name or DEFAULT_MODEL, config, table), ""
    try:
        return energy_model(DEFAULT_MODEL, config), ""
    except EieError as error:
        return None, f"no energy: {error}; the energy model 'published' needs no such figures"


@contextmanager
def _side_by_side(threads: int | None, inputs: int) -> Iterator[Each]:
    """What goes through the inputs of a batch: on threads, or one part after the other."""
    threads = min(threads or os.cpu_count() or 1, inputs) if inputs > 1 else 1
    if threads <= 1:
        yield in_parts
        return
    pool = ThreadPoolExecutor(threads - 1)

    def each(function: Callable[[slice], Any], inputs: int) -> Iterator[Any]:
        # Several inputs a task: with one, threads would spend their time handing Python's lock to each other.
        least = min(FEW_INPUTS, -(-inputs // threads))
        size = min(max(-(-inputs // (TASKS_A_THREAD * threads)), least), INPUTS_AT_ONCE)
        tasks = [slice(k, min(k + size, inputs)) for k in range(0, inputs, size)]
        given = [pool.submit(function, part) for part in tasks]
        done: dict[int, Any] = {}
        # This thread takes tasks too: from the end, as long as nobody else has begun them.
        while len(done) < len(tasks) and given[last := len(tasks) - 1 - len(done)].cancel():
            done[last] = function(tasks[last])
        return (done[k] if k in done else one.result() for k, one in enumerate(given))

    try:
        yield each
    finally:
        pool.shutdown(cancel_futures=True)


def _run(
    prepared: Prepared,
    engine: str,
    run: batch.Engine,
    each: Each,
    energy: tuple[EnergyModel | None, str],
    progress: Passed | None = None,
    made_from: Callable[[], Provenance] = Provenance,
    prepare: Callable[[], Prepared] | None = None,
    notes: tuple[str, ...] = (),
    per_pe: bool | None = None,
) -> LayerResult:
    """energy: the model, or None and why. made_from, prepare, notes: see `LayerResult`. per_pe: see `simulate`."""
    config, layer, operands = prepared.config, prepared.plain, prepared.operands
    inputs, needs = len(prepared.activations), capacity.needs(prepared.layer, prepared.config)
    kept = _keeps(per_pe, inputs)
    if config.weights == "resident":
        outputs = prepared.room_for_outputs()
        job = prepared.job
        only_sent = run is recurrence.run and not job.outputs

        def some(part: slice) -> Runs:
            own = operands.part(part)
            rows = job.in_rows(own.sent, own.one != 0) if only_sent else job.in_rows(own.activations, own.one)
            runs = batch.run(run, job, rows, None, kept, progress, own.sums, only_sent)
            if outputs is not None and runs.sums is not None:
                outputs[part] = prepared.real(runs.sums)
            return runs if kept else runs.without_sums()

        runs = Runs.joined(list(each(some, inputs)))
        loads: tuple[int, ...] = ()
        memory = streaming.resident(capacity.all_fit(needs), runs.cycles)
    else:
        go = partial(batch.run, run)
        runs, memory, loads = streaming.run_tiles(
            go, prepared.layer, operands, config, prepared.outputs, kept, each, progress
        )
        outputs = None if runs.sums is None else prepared.real(runs.sums)
        runs = runs if kept else runs.without_sums()
    if config.activation_threshold > 0:
        runs = runs.with_dropped(np.concatenate(list(each(lambda part: operands.part(part).dropped, inputs))))
    return LayerResult(
        name=layer.name,
        rows=layer.rows,
        cols=layer.cols,
        nnz=layer.nnz,
        config=config,
        engine=engine,
        runs=runs,
        batched=prepared.batched,
        outputs=None if outputs is None else outputs if prepared.batched else outputs[0],
        fraction_bits=operands.fraction_bits,
        exceeded=capacity.exceeded(prepared.layer, config, needs),
        memory=memory,
        loads=loads,
        fed=prepared.fed,
        vectors=prepared.vectors,
        groups=layer.groups,
        depthwise=layer.depthwise,
        energy_model=energy[0],
        no_energy=energy[1],
        notes=notes,
        made_from=made_from,
        prepare=prepare,
    )
