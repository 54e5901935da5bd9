"""From a trained network's file to a folder of EIE layers: read, prune, share, compare, write."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays
from eiesim._io.atomic import writing
from eiesim._io.names import file_stems
from eiesim._io.reading import sha256_of
from eiesim._shown import Brief, Plotted, html_table, listed
from eiesim._version import __version__
from eiesim.compression import prune
from eiesim.compression.statistics import Statistics, statistics, total
from eiesim.dense import DenseLayer, Mask, expand, to_codes
from eiesim.errors import EieError
from eiesim.files import npz
from eiesim.files.assembly import check_patterns
from eiesim.files.containers import CONTAINERS
from eiesim.files.held import check as check_held
from eiesim.files.huffman import SUFFIX, save_huffman
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.matrices import matrix_of, network_of_matrix
from eiesim.files.network import FILE, write_network, writing_network_folder
from eiesim.files.npz import rounded
from eiesim.files.onnx import Tap, activations, hold_onnx, load_onnx
from eiesim.files.sharded import is_checkpoint
from eiesim.files.weights import DenseNetwork, LeftOut, check_layers, load_npz_model, load_safetensors, without
from eiesim.layer import STRETCH, CompressedLayer, as_float32
from eiesim.model import Model as SourceModel
from eiesim.weight_sharing import Sharing

if TYPE_CHECKING:
    import pandas as pd

REPORT = "report.json"
REPORT_FORMAT = "eiesim-compress/1"

AS_IT_WAS, BY_K_MEANS = "as it was", "k-means"
"""How a layer's weights share values."""

Activations = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """How to compress. At most one of density, densities (by layer name), global_density and threshold is given.

    density: share of each layer's weights to keep. densities: the same for single layers; density is then for the
    others. global_density: share of all weights together, by one threshold. threshold: keep weights above this many
    standard deviations of their layer. Without any of them only zeros are pruned.
    bits: of a code. initialisation, seed: of k-means.
    """

    density: float | None = None
    densities: Mapping[str, float] = field(default_factory=dict)
    global_density: float | None = None
    threshold: float | None = None
    bits: int = 4
    initialisation: str = "linear"
    seed: int = 0

    def __post_init__(self) -> None:
        by_layer = self.density is not None or bool(self.densities)
        if by_layer + (self.global_density is not None) + (self.threshold is not None) > 1:
            raise EieError("density, global density and threshold are three ways to prune; give one")


@dataclass(frozen=True)
class LayerReport:
    """What a layer became and what was lost.

    shared: AS_IT_WAS where each kept weight is what it was, else BY_K_MEANS.
    weight_error: ||shared - dense|| / ||dense|| over the weights and bias. sharing_error: over the weights that are
    kept. bias_error: over the bias, None without one. output_error: over the layer's outputs on its real inputs, after
    the activation, None without calibration. Each is None where the dense ones are all 0.
    """

    name: str
    source: str
    statistics: Statistics
    codebook_entries: int
    shared: str
    weight_error: float | None
    sharing_error: float | None
    bias_error: float | None
    output_error: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Compressed(Plotted, Brief):
    """A compressed network: what `compress` gives.

    Attributes
    ----------
    model : DenseNetwork
        What was compressed; `model.notes` and `model.left_out` say what was assumed and what EIE cannot run.
    options : Options
        How it was compressed.
    layers : tuple of CompressedLayer
        The layers in order.
    reports : tuple of LayerReport
        Of each layer, its statistics and errors.
    inputs : tuple of float32[batch, cols] or None
        Of each layer, its inputs on the calibration data; None where they are not known.
    network_error : float or None
        Relative error of the whole network's outputs on the calibration inputs, each layer fed by the compressed one
        before it; None where layers do not follow one another or nothing was calibrated.
    vectors : tuple of float or None, default ()
        Of each layer, its input vectors in one input of the network (`inputs` may be a sample); None if not known.
    """

    model: DenseNetwork
    options: Options
    layers: tuple[CompressedLayer, ...]
    reports: tuple[LayerReport, ...]
    inputs: tuple[Activations | None, ...]
    network_error: float | None
    vectors: tuple[float | None, ...] = ()

    def __repr__(self) -> str:
        size, error = self.total, self.network_error
        off = "" if error is None else f", outputs off by {error:.2%}"
        return (
            f"<Compressed {self.model.name}: {listed([layer.name for layer in self.layers])}, density "
            f"{size.density:.1%}, {size.dense_bits // 8:,} bytes to {size.huffman_bits / 8:,.0f} "
            f"({size.huffman_rate:.1f} times smaller){off}>"
        )

    def _repr_html_(self) -> str:
        heads = ("layer", "rows x cols", "density", "bytes", "shared", "Huffman-coded", "times smaller", "output error")
        rows = []
        for layer, report in zip(self.layers, self.reports, strict=True):
            shape = f"{layer.rows:,} x {layer.cols:,}"
            rows.append((layer.name, shape, *_sizes(report.statistics), _share(report.output_error)))
        rows.append(("total", "", *_sizes(self.total), _share(self.network_error)))
        left_out = [f"left out: {part.name}: {part.reason}" for part in self.model.left_out]
        return html_table(f"{self.model.name}, {self.options.bits} bits a code", heads, rows, left_out)

    def to_frame(self) -> "pd.DataFrame":
        """Each layer's sizes and errors.

        Returns
        -------
        pandas.DataFrame
            A row a layer: `layer`, `rows`, `cols`, `density` and, in `dense_bytes`, `shared_bytes` and `huffman_bytes`,
            its sizes; `weight_error` and `output_error` are relative, missing where they are not known.
        """
        import pandas as pd

        rows = []
        for layer, report in zip(self.layers, self.reports, strict=True):
            size = report.statistics
            sizes = {"dense": size.dense_bits, "shared": size.shared_bits, "huffman": size.huffman_bits}
            rows.append({
                "layer": layer.name, "rows": layer.rows, "cols": layer.cols, "density": size.density,
                **{f"{stage}_bytes": bits / 8 for stage, bits in sizes.items()},
                "weight_error": report.weight_error, "output_error": report.output_error,
            })  # fmt: skip
        errors = {"weight_error": "float64", "output_error": "float64"}
        return pd.DataFrame(rows).astype(errors)

    def opened(self) -> SourceModel:
        """The network as a source: its layers, with their inputs on the calibration data.

        Returns
        -------
        Model
            What `open` gives.
        """
        return SourceModel(
            self.layers,
            chain=self.model.chain or len(self.layers) == 1,
            recorded_inputs=self.inputs,
            vectors=tuple(1 if vectors is None else vectors for vectors in self.vectors),
        )

    def to_json(self) -> str:
        """What report.json holds.

        Returns
        -------
        str
            JSON.
        """
        return json.dumps(to_dict(self), indent=1, allow_nan=False)

    @property
    def total(self) -> Statistics:
        """All layers' statistics added up."""
        return total([report.statistics for report in self.reports])

    @property
    def parameters(self) -> int:
        """Weights and biases of the layers, before anything is pruned."""
        return sum(self.model.parameters or (layer.rows * (layer.cols + 1) for layer in self.layers))

    @property
    def parameters_share(self) -> float | None:
        """Of the whole model's; None where these are not known."""
        every = self.model.all_parameters
        return self.parameters / every if every else None

    @property
    def macs(self) -> tuple[float | None, ...]:
        """Each layer's multiply-accumulates in one input of the network, before anything is pruned; None: not known."""
        sizes = self.model.parameters or tuple(layer.dense_weights for layer in self.layers)
        biases = [layer.rows if self.model.parameters and layer.bias_codes is not None else 0 for layer in self.layers]
        return tuple(
            None if vectors is None else (size - bias) * vectors
            for size, bias, vectors in zip(sizes, biases, self.vectors, strict=True)
        )

    @property
    def macs_share(self) -> float | None:
        """The layers' multiply-accumulates as a share of all of the network's; None where these are not known."""
        taken, left = self.macs, [part.macs for part in self.model.left_out]
        if None in taken or None in left:
            return None
        ours = sum(one for one in taken if one is not None)
        every = ours + sum(one for one in left if one is not None)
        return ours / every if every else None


def _sizes(size: Statistics) -> tuple[str, ...]:
    every = (size.dense_bits, size.shared_bits, size.huffman_bits)
    return (f"{size.density:.1%}", *(f"{bits / 8:,.0f}" for bits in every), f"{size.huffman_rate:.1f}")


def _share(error: float | None) -> str:
    return "-" if error is None else f"{error:.2%}"


def load_model(
    path: str | Path, choice: Choice = NO_CHOICE, seed: int = 0
) -> tuple[DenseNetwork, tuple[Tap | None, ...]]:
    """As `read_model`, where there is a layer and nothing that only the module itself can tell; else EieError."""
    model, taps = read_model(path, choice, seed)
    check_layers(model, path)
    for layer in model.layers:
        if not layer.name.isprintable():
            raise EieError(
                f"{path}: layer {layer.name!r}: the name is not one line of text; rename it, or leave it out"
            )
    return model, taps


def read_model(
    path: str | Path, choice: Choice = NO_CHOICE, seed: int = 0
) -> tuple[DenseNetwork, tuple[Tap | None, ...]]:
    """A trained network from a file (docs/reading.md), and where an ONNX graph has its layers' inputs.

    choice: tensors to take or leave by name. seed: of values that a matrix file does not hold. The network may be
    without any layer; its ledger says why.
    Raises EieError for another kind of file, anything malformed, NaN or infinity.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        whole, taps = load_onnx(path)
        if choice.take:
            raise EieError("take: an ONNX graph's operators say what is a layer; a file of tensors has names to take")
        names = [one.name for one in whole.layers] + [one.tensor for one in whole.ledger]
        check_patterns("leave", choice.leave, names)
        model, kept = without(whole, choice)
        taps = tuple(taps[k] for k in kept)
    elif path.suffix == ".safetensors" or is_checkpoint(path):
        model, taps = load_safetensors(path, choice), ()
    elif (matrix := matrix_of(path, seed)) is not None:
        for option, patterns in (("take", choice.take), ("leave", choice.leave)):
            check_patterns(option, patterns, [matrix.name])
        model, taps = without(network_of_matrix(matrix), choice)[0], ()
    elif path.suffix == ".npz":
        model, taps = load_npz_model(path, choice), ()
    elif path.suffix in CONTAINERS:
        model, taps = CONTAINERS[path.suffix](path, choice), ()
    else:
        kinds = ".onnx, .safetensors, .npz, .gguf, .mlpackage, .tflite, .keras, .h5, or a matrix (.mtx, .smtx, .npy)"
        if path.is_dir():
            raise EieError(f"{path}: a model is {kinds}, or a folder with model.safetensors or its index")
        raise EieError(f"{path}: a model is {kinds}, not '{path.suffix}'")
    return model, taps


@dataclass(frozen=True, eq=False)
class Calibration:
    """Every layer's real inputs, float32[batch, cols]; None for one that the calibration inputs do not reach.

    vectors: of each layer, in one input of the network; `inputs` may be a sample. left_out: with the work of this
    shape of input, None where that is not known.
    """

    inputs: tuple[Activations | None, ...]
    vectors: tuple[float | None, ...]
    left_out: tuple[LeftOut, ...]


Inputs = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
"""Calibration inputs: of a model's one input, or by input name."""


def load_calibration(path: str | Path) -> Inputs:
    """Calibration inputs: .npy of any number of dimensions, or .npz with an array for each of the model's inputs.

    Floating point is rounded to float32; whole numbers and booleans stay what they are, as an ONNX model may want them.
    """
    values = read_arrays(Path(path))
    if not isinstance(values, np.ndarray):
        return {name: _calibration(f"{path}: {name}", array) for name, array in values.items()}
    return _calibration(str(path), values)


def _calibration(where: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.size == 0:
        raise EieError(f"{where}: calibration inputs: are empty")
    narrow = rounded(f"{where}: calibration inputs", values)
    return narrow if values.dtype.kind == "f" else values


def hold(path: Path, model: DenseNetwork, inputs: Inputs | None = None) -> DenseNetwork:
    """The network with what its layers were held against: of an ONNX graph, onnxruntime on at most 8 inputs.

    inputs: the calibration inputs; None are random ones. Raises EieError, naming the layer, where a layer as read gives
    other outputs. Files of tensors cannot run: they stay as they are.
    """
    if path.suffix != ".onnx":
        return model
    held = hold_onnx(path, inputs)
    names = {layer.name for layer in model.layers}
    whole = len(held.layers) == len(names)
    held = replace(
        held, layers=tuple(one for one in held.layers if one.name in names), network=held.network if whole else None
    )
    check_held(held)
    return replace(model, held=held)


def calibrate(
    path: str | Path,
    model: DenseNetwork,
    taps: tuple[Tap | None, ...],
    inputs: Inputs,
    positions: int | None = None,
    seed: int = 0,
) -> Calibration:
    """Every layer's real inputs on calibration inputs: by onnxruntime, by the module itself, or layer by layer.

    positions: at most so many output positions of each image, drawn by seed, of a convolution; None is all.
    """
    if taps:
        path = Path(path)
        recorded, shapes, rows = activations(path, taps, inputs, positions, seed)
        left_out = load_onnx(path, shapes)[0].left_out
        return Calibration(
            tuple(None if one is None else one.inputs for one in recorded),
            tuple(None if one is None else one.vectors for one in recorded),
            tuple(replace(part, macs=None if part.macs is None else int(part.macs / rows)) for part in left_out),
        )
    values = None
    if not isinstance(inputs, Mapping):
        values = inputs.reshape(1, -1) if inputs.ndim == 1 else inputs.reshape(len(inputs), -1)
    if any(one is not None for one in model.recorded):
        each = zip(model.recorded, model.vectors, strict=True)
        kept = tuple(_sampled(own, vectors, positions, seed) for own, vectors in each)
        return Calibration(kept, model.vectors, model.left_out)
    if values is None:
        raise EieError("calibration inputs: are named; only an ONNX graph, or a module that runs on them, has names")
    values = as_float32("calibration inputs", values)
    if not model.chain:
        raise EieError(
            f"{path}: its layers do not follow one another, so calibration inputs reach only those of an ONNX graph, "
            "or of a module that runs on them"
        )
    found = []
    for layer in model.layers:
        if values.shape[1] != layer.cols:
            raise EieError(f"calibration inputs: {values.shape[1]} an input, '{layer.name}' takes {layer.cols}")
        found.append(values)
        values = _finite_outputs(layer, values)
    return Calibration(tuple(found), (1,) * len(found), model.left_out)


def _sampled(values: Activations | None, vectors: float | None, positions: int | None, seed: int) -> Activations | None:
    """At most so many of the vectors that each input of the network has; None is all."""
    if values is None or positions is None or vectors is None or vectors <= positions or len(values) % vectors:
        return values
    of_each = values.reshape(-1, int(vectors), values.shape[1])
    generator = np.random.default_rng(seed)
    drawn = [own[np.sort(generator.choice(len(own), positions, replace=False))] for own in of_each]
    return np.concatenate(drawn)


def compress(
    model: DenseNetwork,
    options: Options,
    calibration: Calibration | None = None,
    progress: Callable[[int], object] | None = None,
) -> Compressed:
    """Prune and share every layer, and measure what is lost. calibration: as `calibrate` gives it, or None.

    progress: called with 1 after each layer. Raises EieError where a layer does not fit into memory.
    """
    known: tuple[Activations | None, ...] = (None,) * len(model.layers)
    vectors = model.vectors or (1,) * len(model.layers)
    if calibration is not None:
        known, vectors = calibration.inputs, calibration.vectors
        model = replace(model, left_out=calibration.left_out)
    masks = _masks(model, options)
    layers, reports = [], []
    for dense, mask, source, given in zip(model.layers, masks, model.sources, known, strict=True):
        try:
            pruned = dense.pruned(mask)
            sharing = pruned.sharing(options.bits, options.initialisation, options.seed)
            layer = pruned.shared_by(sharing)
            del pruned
            reports.append(_report(dense, layer, sharing, source, given, options))
        except MemoryError:
            raise EieError(
                f"layer '{dense.name}': {dense.rows:,} x {dense.cols:,} weights need about "
                f"{dense.weights.size * 16 / 1e9:.1f} GB at once, more than there is; split it by rows"
            ) from None
        layers.append(layer)
        if progress is not None:
            progress(1)
    network_error = None
    if model.chain and known[0] is not None:
        exact, lossy = (_all_finite(known[0], each) for each in (model.layers, [expand(layer) for layer in layers]))
        network_error = _relative_error(lossy, exact)
    return Compressed(model, options, tuple(layers), tuple(reports), known, network_error, vectors)


def _masks(model: DenseNetwork, options: Options) -> tuple[Mask, ...]:
    names = [layer.name for layer in model.layers]
    unknown = [name for name in options.densities if name not in names]
    if unknown:
        raise EieError(f"density: no layer is called '{unknown[0]}'; there are: {', '.join(names)}")
    weights, places = zip(*((layer.weights, layer.dense_weights) for layer in model.layers), strict=True)
    if options.global_density is not None:
        return prune.globally(weights, options.global_density, places)
    if options.threshold is not None:
        each = zip(weights, places, strict=True)
        return tuple(prune.by_deviation(part, options.threshold, own) for part, own in each)
    masks = []
    for layer in model.layers:
        density = options.densities.get(layer.name, options.density)
        nothing_said = density is None
        masks.append(
            Mask.of_nonzero(layer.weights)
            if nothing_said
            else prune.by_density(layer.weights, density or 0.0, layer.dense_weights)
        )
    return tuple(masks)


def _report(
    dense: DenseLayer,
    layer: CompressedLayer,
    sharing: Sharing,
    source: str,
    inputs: Activations | None,
    options: Options,
) -> LayerReport:
    output_error = None
    if inputs is not None:
        output_error = _relative_error(_finite_outputs(expand(layer), inputs), _finite_outputs(dense, inputs))
    notes = []
    if layer.nnz == 0:
        notes.append("keeps no weight")
    elif len(layer.codebook) < 2**options.bits:
        notes.append(
            f"shares {len(layer.codebook) - 1} values, fewer than the {2**options.bits - 1} of {options.bits} bits"
        )
    weight_error, sharing_error, bias_error = _errors(dense, layer)
    return LayerReport(
        name=layer.name,
        source=source,
        statistics=statistics(layer, options.bits),
        codebook_entries=len(layer.codebook),
        shared=AS_IT_WAS if sharing.as_it_was else BY_K_MEANS,
        weight_error=weight_error,
        sharing_error=sharing_error,
        bias_error=bias_error,
        output_error=output_error,
        notes=tuple(notes),
    )


def _relative_error(found: npt.NDArray[Any], exact: npt.NDArray[Any]) -> float | None:
    """||found - exact|| / ||exact||, Euclidean norms over everything; None where exact is all 0 and found is not."""
    return _ratio_of_norms(*_squares(found, exact))


def _squares(found: npt.NDArray[Any], exact: npt.NDArray[Any]) -> tuple[float, float]:
    """||exact||**2 and ||found - exact||**2; not by BLAS, whose sums depend on the number of its threads."""
    size = exact.astype(np.float64)
    difference = found - size
    return float(np.square(size, out=size).sum()), float(np.square(difference, out=difference).sum())


def _ratio_of_norms(exact: float, difference: float) -> float | None:
    """From squared norms."""
    if exact == 0:
        return 0.0 if difference == 0 else None
    return math.sqrt(difference) / math.sqrt(exact)


def _errors(dense: DenseLayer, layer: CompressedLayer) -> tuple[float | None, float | None, float | None]:
    """The relative errors of a compressed layer's weights and bias, of its kept weights, and of its bias."""
    bias = kept = (0.0, 0.0)
    if dense.bias is not None and layer.bias is not None:
        bias = _squares(layer.bias, dense.bias)
    exact, difference = bias
    codes = to_codes(layer)
    step = max(1, STRETCH // layer.rows)
    for start in range(0, layer.cols, step):
        columns = slice(start, start + step)
        found, weights = layer.codebook[codes[:, columns]], dense.weights[:, columns]
        more = _squares(found, weights)
        exact, difference = exact + more[0], difference + more[1]
        there = codes[:, columns] != 0
        of_kept = _squares(found[there], weights[there])
        kept = kept[0] + of_kept[0], kept[1] + of_kept[1]
    bias_error = None if dense.bias is None else _ratio_of_norms(*bias)
    return _ratio_of_norms(exact, difference), _ratio_of_norms(*kept), bias_error


def _finite_outputs(layer: DenseLayer, inputs: Activations) -> Activations:
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = layer.outputs(inputs)
    if not np.isfinite(outputs).all():
        raise EieError(f"layer '{layer.name}': its outputs on the calibration inputs are beyond float32")
    return outputs


def _all_finite(inputs: Activations, layers: Sequence[DenseLayer]) -> Activations:
    values = inputs
    for layer in layers:
        values = _finite_outputs(layer, values)
    return values


def write(
    compressed: Compressed,
    folder: str | Path,
    model_path: str | Path | None,
    *,
    huffman: bool = False,
    force: bool = False,
) -> None:
    """Write a compressed network's folder (docs/formats.md), whole or not at all.

    model_path: the file it came from, named in network.toml with its hash, so that `eiesim accuracy` can compare;
    None where it came from none.
    huffman: Huffman-coded layer files beside the .npz ones. force: replace a network that eiesim wrote,
    its files and nothing else in the folder.
    """
    folder, origin = Path(folder), None if model_path is None else Path(model_path)
    with writing_network_folder(folder, force, keep=origin) as parts:
        _write_parts(compressed, parts, folder, origin, huffman)


def _write_parts(compressed: Compressed, parts: Path, folder: Path, origin: Path | None, huffman: bool) -> None:
    options = compressed.options
    stems = file_stems([layer.name for layer in compressed.layers])
    tables = []
    of_layers = (compressed.layers, compressed.reports, compressed.inputs, compressed.vectors)
    for stem, layer, report, given, vectors in zip(stems, *of_layers, strict=True):
        npz.save(layer, parts / f"{stem}.npz")
        if huffman:
            save_huffman(layer, parts / f"{stem}{SUFFIX}")
        if given is not None:
            (parts / "inputs").mkdir(exist_ok=True)
            npz.save_array(given, parts / "inputs" / f"{stem}.npy")
        tables.append(
            {
                "file": f"{stem}.npz",
                "source": report.source,
                "rows": layer.rows,
                "cols": layer.cols,
                "density": layer.density,
                "bits": options.bits,
                **({"vectors": vectors} if vectors is not None and vectors != 1 else {}),
            }
        )
    about = (
        {}
        if origin is None
        else {
            "model": os.path.relpath(origin, folder),
            "model_sha256": sha256_of(origin),
        }
    )
    about |= {
        "initialisation": options.initialisation,
        "eiesim": __version__,
    }
    write_network(parts / FILE, compressed.model.name, compressed.model.chain, about, tables)
    with writing(parts / REPORT) as file:
        file.write(f"{json.dumps(to_dict(compressed), indent=1, allow_nan=False)}\n".encode())


def to_dict(compressed: Compressed) -> dict[str, Any]:
    """report.json: how it was made, each layer's statistics and errors, and what was left out."""
    options = compressed.options
    of_layers = (compressed.reports, compressed.layers, compressed.inputs, compressed.vectors, compressed.macs)
    return {
        "format": REPORT_FORMAT,
        "eiesim": __version__,
        "model": compressed.model.name,
        "chain": compressed.model.chain,
        "options": {**vars(options), "densities": dict(options.densities)},
        "layers": [
            {
                **report.statistics.to_dict(),
                "source": report.source,
                "activation": layer.activation,
                "codebook_entries": report.codebook_entries,
                "shared": report.shared,
                "weight_relative_error": report.weight_error,
                "sharing_relative_error": report.sharing_error,
                "bias_relative_error": report.bias_error,
                "output_relative_error": report.output_error,
                "calibration_inputs": 0 if given is None else len(given),
                "vectors": vectors,
                "macs": None if macs is None else int(macs),
                "notes": list(report.notes),
            }
            for report, layer, given, vectors, macs in zip(*of_layers, strict=True)
        ],
        "total": compressed.total.to_dict(),
        "network_output_relative_error": compressed.network_error,
        "ledger": [entry.to_dict() for entry in compressed.model.ledger],
        "held": compressed.model.held.to_dict(),
        "left_out": [
            {"name": part.name, "reason": part.reason, "macs": part.macs} for part in compressed.model.left_out
        ],
        "macs_share": compressed.macs_share,
        "parameters_share": compressed.parameters_share,
        "notes": list(compressed.model.notes),
    }
