"""How many inputs a network recognises: dense, pruned and shared, in each of the machine's arithmetics.

Shared layers run on the simulated machine. Dense and pruned ones have no codebook and so no place on it; the same
arithmetic (docs/formats.md) is applied to every weight instead, each quantised by itself.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.reading import sha256_of
from eiesim._jit import jit
from eiesim._shown import Plotted, Tabled
from eiesim._version import __version__
from eiesim.arithmetic import (
    FIXED_BITS,
    Adder,
    Draw,
    Rounding,
    above_threshold,
    add,
    auto_fraction_bits,
    check_groups,
    combine,
    drawn,
    finish,
    fixed_rounding,
    magnitudes,
    quantise,
    reachable,
    salt_of,
    scale,
)
from eiesim.config import ARITHMETICS, MachineConfig, in_arithmetic
from eiesim.dense import DenseLayer, Mask, to_codes
from eiesim.errors import EieError
from eiesim.files.containers import FOLDERS
from eiesim.files.network import Network
from eiesim.files.sharded import is_checkpoint
from eiesim.files.weights import DenseNetwork
from eiesim.layer import CompressedLayer
from eiesim.simulation import simulate
from eiesim.training.convolution import Convolution

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-accuracy/1"

Layers = Sequence[CompressedLayer] | Sequence[DenseLayer]


class Accuracies(dict[str, dict[str, float]], Plotted, Tabled):
    """{network: {arithmetic: share of the inputs that are recognised}}, and how they were found.

    Parameters
    ----------
    shares : mapping of str to dict
        The shares, 0 to 1.
    inputs : int
        How many inputs there were.
    layers : int
        How many layers the network has.
    computed : int or None, default None
        How many of these were computed in each arithmetic, where they do not follow one another and onnxruntime ran the
        rest of their graph.
    """

    def __init__(
        self, shares: Mapping[str, dict[str, float]], inputs: int, layers: int, computed: int | None = None
    ) -> None:
        super().__init__(shares)
        self.inputs, self.layers, self.computed = inputs, layers, computed

    @property
    def _caption(self) -> str:
        return f"Share of {self.inputs:,} inputs that are recognised (simulated), by arithmetic"

    def to_frame(self) -> "pd.DataFrame":
        """The shares.

        Returns
        -------
        pandas.DataFrame
            A row a network: `network`, and its share, 0 to 1, in each arithmetic.
        """
        import pandas as pd

        return pd.DataFrame([{"network": name, **shares} for name, shares in self.items()])

    def to_json(self) -> str:
        """The shares with the number of inputs and, through a graph, of computed layers.

        Returns
        -------
        str
            JSON: `format`, `eiesim` (the version), `inputs`, of a graph `layers`, `accuracy`.
        """
        told = {"format": FORMAT, "eiesim": __version__, "inputs": self.inputs}
        computed = {} if self.computed is None else {"layers": self.computed}
        return json.dumps({**told, **computed, "accuracy": dict(self)}, indent=1, allow_nan=False)


def accuracy(outputs: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
    """The share of inputs whose largest output is their label's; of outputs as large, the first counts.

    outputs: [rows] or [batch, rows]. labels: int64[batch].
    """
    return float((np.atleast_2d(outputs).argmax(axis=1) == labels).mean())


def accuracies(
    networks: Mapping[str, Layers],
    inputs: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    config: MachineConfig | None = None,
    progress: Callable[[int], object] | None = None,
    places: Mapping[str, Sequence[DenseLayer]] | None = None,
) -> dict[str, dict[str, float]]:
    """Each network's accuracy in each arithmetic: {network: {arithmetic: share}}.

    inputs: float32[batch, cols]. labels: int64[batch]. config: the machine, but for its arithmetic.
    places: by network, layers that say which of them are convolutions; None is itself.
    Fixed point picks its fraction bits by itself, layer by layer. progress: called with 1 after each cell.
    """
    config = config or MachineConfig()
    table: dict[str, dict[str, float]] = {}
    for name, layers in networks.items():
        table[name] = {}
        for arithmetic in ARITHMETICS:
            machine = in_arithmetic(config, arithmetic)
            outputs = _outputs(layers, inputs, machine, (places or {}).get(name, ()))
            table[name][arithmetic] = accuracy(outputs, labels)
            if progress is not None:
                progress(1)
    return table


def graph_accuracies(
    graphs: Mapping[str, Path],
    networks: Mapping[str, Layers],
    inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]],
    labels: npt.NDArray[np.int64],
    config: MachineConfig | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[dict[str, dict[str, float]], int]:
    """As `accuracies`, through a whole ONNX graph: its layers in the arithmetic, onnxruntime for all the rest.

    graphs: by network, its model. networks: layers in the order in which the model's are found; inputs: of the model,
    or by name. Returns also how many layers of the last network were so computed: those inside a recurrent node or a
    body stay onnxruntime's.
    """
    from eiesim.files.onnx.in_place import outputs_with, replaceable
    from eiesim.files.onnx.judged import judged
    from eiesim.files.onnx.walk import load_found

    config = config or MachineConfig()
    of_graphs = {path: (replaceable(load_found(path)[1]), judged(path, inputs, labels)) for path in graphs.values()}
    table: dict[str, dict[str, float]] = {}
    for name, layers in networks.items():
        path = graphs[name]
        places, judge = of_graphs[path]
        table[name] = {}
        for arithmetic in ARITHMETICS:
            machine = in_arithmetic(config, arithmetic)

            def product(
                k: int, values: npt.NDArray[Any], layers: Layers = layers, machine: MachineConfig = machine
            ) -> npt.NDArray[Any]:
                return _outputs(layers[k : k + 1], values, machine)

            outputs = outputs_with(path, inputs, product, places, judge.output)
            table[name][arithmetic] = judge.share(outputs, labels)
            if progress is not None:
                progress(1)
    return table, len(places)


def generations(
    shared: Sequence[CompressedLayer],
    dense: Sequence[DenseLayer] | None,
    pruned: Sequence[DenseLayer] | None = None,
    *,
    retrained: bool = False,
) -> dict[str, Layers]:
    """A network before and after compression, by name, as `accuracies` takes them.

    dense: before pruning, if known. pruned: retrained; None is the dense one with only the weights that `shared` keeps,
    where it has the same shapes. retrained: `shared` was made from a pruned network that was retrained, so that such a
    one would be none of its generations. A "dense" network that has those zeros already is the pruned one.
    """
    rows: dict[str, Layers] = {}
    if dense is not None:
        rows["dense"] = dense
    if pruned is not None:
        rows["pruned"] = pruned
    elif dense is not None and [layer.weights.shape for layer in dense] == [layer.shape for layer in shared]:
        masks = [Mask(to_codes(layer) != 0) for layer in shared]
        cut = [layer.pruned(mask) for layer, mask in zip(dense, masks, strict=True)]
        if any((layer.weights == 0).any() for layer in dense) and all(
            np.array_equal(before.weights, after.weights) for before, after in zip(dense, cut, strict=True)
        ):
            rows = {"pruned": dense}
        elif not retrained:
            rows["pruned, not retrained"] = cut
    return {**rows, "shared": shared}


def model_of_folder(folder: Path, network: Network, key: str = "model") -> Path | None:
    """The file that a network was compressed from, if it is still there and still the same; else None.

    key: "pruned" is the network that `train` pruned and retrained.
    """
    name, digest = network.about.get(key), network.about.get(f"{key}_sha256")
    path = folder / str(name)
    if not isinstance(name, str) or not (
        path.is_file() or (path.is_dir() and (path.suffix in FOLDERS or is_checkpoint(path)))
    ):
        return None
    return path if sha256_of(path) == digest else None


def matching(
    model: DenseNetwork,
    layers: Sequence[CompressedLayer],
    origin: str | Path | None = None,
    smaller: bool = False,
    chain: bool = True,
) -> tuple[DenseLayer, ...]:
    """A trained network's layers. Raises EieError, naming `origin`, unless their shapes are the compressed ones'.

    smaller: hidden layers may have other shapes, for pruning took units or made two layers of one. chain: whether the
    compressed layers follow one another.
    """
    name = model.name if origin is None else origin
    shapes, ours = [layer.weights.shape for layer in model.layers], [layer.shape for layer in layers]
    if smaller and model.chain == chain:
        ends, own = (shapes[0][1], shapes[-1][0]), (ours[0][1], ours[-1][0])
        if ends != own:
            raise EieError(f"{name}: has {ends[0]} inputs and {ends[1]} outputs, the network {own[0]} and {own[1]}")
    elif shapes != ours:
        raise EieError(f"{name}: its layers have shapes {shapes}, the network's {ours}")
    return model.layers


def _outputs(
    layers: Layers, inputs: npt.NDArray[np.float32], config: MachineConfig, places: Layers = ()
) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = np.atleast_2d(inputs)
    for k in range(len(layers)):
        layer, place = layers[k], (places or layers)[k]
        vectors = place.windows(values) if isinstance(place, Convolution) else values
        if isinstance(layer, DenseLayer):
            values = dense_outputs(layer, vectors, config)
        else:
            values = simulate(layer, vectors, config).outputs  # type: ignore[assignment]
        values = place.passed_on(values) if isinstance(place, Convolution) else values
    return values


def dense_outputs(layer: DenseLayer, activations: npt.NDArray[Any], config: MachineConfig) -> npt.NDArray[Any]:
    """A layer without a codebook in a machine's arithmetic, rounding and threshold: [batch, cols] to [batch, rows].

    Fraction bits are automatic, by the rules for a codebook and its activations, applied to all weights.
    """
    arithmetic = config.arithmetic
    # Activations between layers are float32 on their way into the next, as in `simulate`.
    values = np.asarray(activations, np.float32)
    if values.shape[1] != layer.cols:
        raise EieError(f"activations: {values.shape[1]} an input, but layer '{layer.name}' has {layer.cols} columns")
    bias = np.zeros(layer.rows, np.float32) if layer.bias is None else layer.bias
    by_column = np.concatenate([layer.weights, bias[:, None]], axis=1).T
    one = 1.0 if layer.bias is not None else 0.0
    values, _ = above_threshold(values, config.activation_threshold)
    values = np.concatenate([values, np.full((len(values), 1), one, np.float32)], axis=1)
    adder = config.operation == "adder"
    check_groups(layer.name, layer.groups, config)
    if arithmetic == "float32":
        sums = _sums(np.ascontiguousarray(by_column), values, adder, None, None)
    else:
        bits = FIXED_BITS[arithmetic]
        of_activations, of_weights = (
            auto_fraction_bits(float(np.abs(tensor).max(initial=0.0)), bits) for tensor in (values, by_column)
        )
        if adder:
            of_activations = of_weights = of_terms = min(of_activations, of_weights)
            inputs, weights = np.abs(values[:, :-1], dtype=np.float64), np.abs(by_column[:-1], dtype=np.float64)
            largest = inputs.sum(axis=1).max() + weights.sum(axis=0).max()
        else:
            of_terms = of_activations + of_weights
            largest = np.abs(values.astype(np.float64) @ by_column.astype(np.float64)).max(initial=0.0)
        of_sums = reachable(auto_fraction_bits(float(largest), bits), of_terms)
        limits = fixed_rounding(of_terms - of_sums, bits, config.rounding)
        salt = salt_of(config.rounding_seed) if config.rounding == "stochastic" else None
        operands = quantise(by_column, of_weights, bits), quantise(values, of_activations, bits)
        sums = np.ldexp(_sums(*operands, adder, limits, salt).astype(np.float64), -of_sums)
    return np.maximum(sums, 0) if layer.activation == "relu" else sums


def _sums(
    by_column: npt.NDArray[Any], activations: npt.NDArray[Any], adder: bool, rounding: Rounding | None, salt: int | None
) -> npt.NDArray[Any]:
    """[cols + 1, rows] and [batch, cols + 1], the bias last, to [batch, rows]. salt: of stochastic rounding."""
    bias = len(by_column) - 1
    sums: npt.NDArray[Any] = _product(by_column, activations, bias if adder else None, rounding, salt)
    if adder:
        rest = Adder(bias, 0 - np.add.accumulate(np.abs(by_column[:-1]))[-1], bias + 1)
        draw = None if salt is None else Draw(salt, np.zeros(0, np.int64))
        for one, total in zip(sums, magnitudes(activations[:, :-1]), strict=True):
            finish(one, rest, -total, rounding, draw)
    return sums


@jit
def _product(by_column: Any, activations: Any, bias: Any, rounding: Any, salt: Any) -> Any:
    """[cols, rows] and [batch, cols] to [batch, rows]: terms added one after the other in column order.

    bias: see `arithmetic.combine`. salt: of stochastic rounding, else None.
    """
    sums = np.zeros((activations.shape[0], by_column.shape[1]), by_column.dtype)
    for n in range(activations.shape[0]):
        for j in range(activations.shape[1]):
            if activations[n, j] != 0:
                for i in range(by_column.shape[1]):
                    product = combine(by_column[j, i], activations[n, j], bias, j)
                    if salt is None:
                        term = scale(product, rounding)
                    else:
                        term = scale(product, rounding, drawn(i, j, salt, rounding[0]))
                    sums[n, i] = add(sums[n, i], term, rounding)
    return sums
