"""One preparation for every verb: a source, its input and a machine become what an engine runs.

`simulate`, `sweep`, `compare`, `balance`, `trace`, `critical_path`, `accuracy` and the RTL start here and nowhere else:
whatever is refused for one of them is refused for all, in the same words.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief, counted
from eiesim.arithmetic import Each, Operands, golden_product, in_parts
from eiesim.arithmetic import prepare as operands_of
from eiesim.config import MachineConfig, as_config
from eiesim.encoding import InterleavedLayer, interleave
from eiesim.errors import EieError, unknown
from eiesim.files import npz
from eiesim.inputs import Opening, Source, Synthesis, open_model, open_workloads
from eiesim.job import Job
from eiesim.layer import CompressedLayer, as_float32
from eiesim.model import CHAINED, GIVEN, Feed, Layer, Maker, Model, Workload, as_labels, check_codebook, plain

Config = MachineConfig | str | Path | Mapping[str, Any] | None
"""What a verb takes as its machine; see `config.as_config`."""


@dataclass(frozen=True, eq=False, repr=False)
class Prepared(Brief):
    """A layer and its input, ready for an engine.

    layer: as the PEs store it. activations: float[batch, cols], as they came; batched: whether they came as a batch.
    operands: the same as the arithmetic holds them, with the codebook. fed, vectors: as in `Feed`.
    outputs: whether the accumulators' format is settled, so that sums can be computed; timing does not need it.
    """

    config: MachineConfig
    layer: InterleavedLayer
    activations: npt.NDArray[Any]
    batched: bool
    operands: Operands
    outputs: bool
    fed: str = GIVEN
    vectors: float = 1

    @property
    def plain(self) -> CompressedLayer:
        """The layer as it is stored."""
        return self.layer.layer

    @property
    def relu(self) -> bool:
        """Whether ReLU follows."""
        return relu_follows(self.plain, self.config)

    @cached_property
    def job(self) -> Job:
        """What an engine is given."""
        return Job.of(self.layer, self.operands, self.config, self.outputs)

    @cached_property
    def activation_rows(self) -> npt.NDArray[Any]:
        """The activations as the LNZD meets them, [batch, activation rows, pes]."""
        return self.job.in_rows(self.operands.activations, self.operands.one)

    def rows_of(self, item: int) -> npt.NDArray[Any]:
        """One input's activations as the LNZD meets them, [activation rows, pes]."""
        own = self.operands.part(slice(item, item + 1))
        rows: npt.NDArray[Any] = self.job.in_rows(own.activations, own.one)[0]
        return rows

    def real(self, sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Accumulators, [batch, rows], as the layer's outputs: real values after its activation.

        float32, or float64 under fixed32.
        """
        values = self.operands.to_real(sums)
        return np.maximum(values, 0) if self.relu else values

    def room_for_outputs(self) -> npt.NDArray[Any] | None:
        """An array for what `real` gives of all inputs, [batch, rows]; None where no outputs are wanted."""
        if not self.outputs:
            return None
        of = np.float64 if self.config.arithmetic == "fixed32" else np.float32
        return np.empty((len(self.activations), self.plain.rows), of)

    def golden(self, each: Each = in_parts) -> npt.NDArray[Any]:
        """The layer's outputs by the golden product, batched as the input; every engine's equal them to the bit."""
        outputs = self.real(golden_product(self.plain, self.operands, each))
        return outputs if self.batched else outputs[0]


def prepare(
    source: Source,
    activations: Any = None,
    config: Config = None,
    *,
    recorded: bool = False,
    outputs: bool = True,
    **opening: Unpack[Opening],
) -> tuple[Prepared, ...]:
    """Open, check, interleave and quantise: every layer of a source with its input, in order.

    Layers in a row are fed the outputs of the one before, by the golden product in the machine's arithmetic.
    outputs: False leaves the format of the last layer's accumulators open.

    Raises EieError for what is no source, no input or no machine, and where they do not fit together.
    """
    machine = as_config(config)
    return tuple(
        one for feed in feeds(source, activations, recorded, **opening) for one in in_a_row(feed, machine, outputs)
    )


def in_a_row(feed: Feed, config: MachineConfig, outputs: bool = True) -> Iterator[Prepared]:
    """Layers that run in a row, each prepared when it is asked for: its input is what the one before gives."""
    values, fed = feed.activations, feed.fed
    for place, layer in enumerate(feed.layers, 1):
        last = place == len(feed.layers)
        one = prepare_layer(layer, values, config, outputs or not last, fed=fed, vectors=feed.vectors)
        yield one
        if not last:
            values, fed = one.golden(), CHAINED


def feeds(
    source: Source, activations: Any = None, recorded: bool = False, **opening: Unpack[Opening]
) -> tuple[Feed, ...]:
    """What to run of a source: layers in a row with the first one's input, or each layer with its own.

    activations: float[cols] or [batch, cols], or the file that holds them; None is what the source brings.
    """
    return opened(source, **opening).feeds(*given(activations), recorded)


def opened(source: Source, **opening: Unpack[Opening]) -> Model:
    """A source as a model. Raises EieError for a keyword that is none of `Opening`."""
    rows, how = _split(opening)
    return open_model(source, rows, Synthesis(**how)) if how else open_model(source, rows)


def opened_each(source: Source, inputs: Any = (), recorded: bool = False, **opening: Unpack[Opening]) -> list[Maker]:
    """A source as layers that run each by itself, with their inputs; see `inputs.open_workloads`.

    inputs: as in `inputs_given`. Raises EieError for a keyword that is none of `Opening`.
    """
    rows, how = _split(opening)
    seed, variation = how.pop("seed", 0), how.pop("variation", 0.0)
    return open_workloads(source, inputs_given(inputs), [seed], [variation], rows=rows, recorded=recorded, **how)


def _split(opening: Opening) -> tuple[int | None, dict[str, Any]]:
    """`rows`, and how synthetic layers are made."""
    how: dict[str, Any] = dict(opening)
    for name in how:
        if name not in Opening.__annotations__:
            raise unknown("no keyword", name, Opening.__annotations__)
    return how.pop("rows", None), how


def given(activations: Any) -> tuple[npt.NDArray[np.float32] | None, str]:
    """Activations that a verb is given, as float32, and the file they came from, for errors; (None, "") for none."""
    if activations is None:
        return None, ""
    if isinstance(activations, str | Path):
        return npz.load_inputs(activations), str(activations)
    return np.atleast_1d(as_float32("activations", activations)), ""


def labels_given(labels: Any) -> npt.NDArray[np.int64]:
    """Class numbers that a verb is given, int64[batch], or the file that holds them."""
    return npz.load_labels(labels) if isinstance(labels, str | Path) else as_labels(labels)


def inputs_given(inputs: Any) -> list[tuple[npt.NDArray[np.float32], str]]:
    """Activations that a verb is given for several layers: one array or file, or a sequence of them; see `given`."""
    one = isinstance(inputs, str | Path) or getattr(inputs, "ndim", None) is not None
    # A list of numbers is one input, a list of lists or arrays one for each.
    one = one or (isinstance(inputs, list | tuple) and len(inputs) > 0 and isinstance(inputs[0], Real))
    found = (given(each) for each in ([inputs] if one else inputs))
    return [(values, name) for values, name in found if values is not None]


def prepare_layer(
    layer: Layer,
    activations: npt.NDArray[Any],
    config: MachineConfig,
    outputs: bool = True,
    each: Each = in_parts,
    *,
    fed: str = GIVEN,
    vectors: float = 1,
) -> Prepared:
    """One layer and its input for a machine. activations: float32[cols] or [batch, cols]; float64 between layers under
    fixed32, whose values float32 does not hold.

    outputs: whether the format of the accumulators is needed too. each: what maps a function over inputs.
    Raises EieError where the input does not fit the layer or is not finite, the codebook has more entries than a code
    can name, or an interleaved layer is for another machine.
    """
    held = plain(layer)
    values: npt.NDArray[Any] = np.atleast_2d(activations)
    if values.ndim != 2 or len(values) == 0:
        raise EieError(f"activations: shape {values.shape}, needs (cols,) or (batch, cols) with a batch of 1 or more")
    if values.shape[1] != held.cols:
        raise EieError(
            f"activations: {values.shape[1]} an input, but layer '{held.name}' has {counted(held.cols, 'column')}"
        )
    lowest, highest = float(np.minimum.reduce(values, axis=None)), float(np.maximum.reduce(values, axis=None))
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise EieError(f"activations: NaN or infinity among the inputs of layer '{held.name}'")
    check_codebook(held, config.weight_bits)
    interleaved = interleaved_for(layer, config)
    operands = operands_of(held, values, config, outputs, each, max(highest, -lowest))
    batched = np.ndim(activations) == 2
    return Prepared(config, interleaved, values, batched, operands, outputs, fed, vectors)


def relu_follows(layer: CompressedLayer, config: MachineConfig) -> bool:
    """Whether ReLU follows. Where no one has said so, it follows multipliers, and not adder units."""
    return layer.activation == "relu" and (layer.activation_said or config.operation != "adder")


def prepare_workload(workload: Workload, config: MachineConfig, outputs: bool = True) -> Prepared:
    """A layer that runs by itself, as it came. Raises EieError as `prepare_layer` does."""
    check_fed(workload, config)
    one, values = workload, workload.activations
    return prepare_layer(one.interleaved or one.layer, values, config, outputs, fed=one.fed, vectors=one.vectors)


def check_fed(workload: Workload, config: MachineConfig) -> None:
    """Raise EieError where adder units would be fed what multipliers gave: the outputs of the layer before."""
    if config.operation == "adder" and workload.fed == CHAINED:
        raise EieError(
            f"layer '{plain(workload.layer).name}': in a row of layers each is fed what multipliers make of the one "
            "before, and operation = 'adder' has none; give recorded inputs (--recorded) or single layers, or simulate "
            "the whole network (run)"
        )


def interleaved_for(layer: Layer, config: MachineConfig) -> InterleavedLayer:
    """The layer as the PEs of a machine store it. Raises EieError where it is interleaved for another one."""
    if isinstance(layer, CompressedLayer):
        return interleave(layer, config.pes, config.index_bits, config.mapping)
    for key in ("pes", "index_bits", "mapping"):
        ours, theirs = getattr(layer, key), getattr(config, key)
        if ours != theirs:
            raise EieError(
                f"layer '{layer.layer.name}' is interleaved for {key}={ours}; the configuration has {key}={theirs}; "
                "give the layer itself, or interleave it anew"
            )
    return layer


def with_outputs(prepared: Prepared) -> Prepared:
    """The same with the accumulators' format settled, which timing alone does not need."""
    if prepared.outputs:
        return prepared
    operands = operands_of(prepared.plain, prepared.activations, prepared.config, True)
    return replace(prepared, operands=operands, outputs=True)
