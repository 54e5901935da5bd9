"""The public API: the functions behind the commands of the same names.

Each parses what may be given in several ways, calls one function of the package that does the work, and returns what
that returns. The public names stand in `__init__.pyi`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim._progress import Progress, Steps
from eiesim.balancing import study as balancing
from eiesim.balancing.study import Balance
from eiesim.baselines.measured import measure
from eiesim.baselines.measurements import Measured
from eiesim.comparison import rows as comparison
from eiesim.comparison.rows import Comparison
from eiesim.compression import pipeline
from eiesim.compression.pipeline import Compressed
from eiesim.config import ARITHMETICS, MachineConfig
from eiesim.energy.events import EnergyTable
from eiesim.errors import EieError
from eiesim.evaluation import (
    Accuracies,
    accuracies,
    check_labels,
    generations,
    graph_accuracies,
    matching,
    model_of_folder,
)
from eiesim.files import examples, network, npz
from eiesim.files.modules import model_in_memory
from eiesim.inputs import ALL_NINE, TABLE_III, Model, Synthesis, Workload, open_model, open_workloads
from eiesim.layer import CompressedLayer, as_float32
from eiesim.result import LayerResult, Result
from eiesim.simulation import Layered
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS

if TYPE_CHECKING:
    import pandas as pd


def open(
    *names: str | Path,
    rows: int | None = None,
    seed: int = 0,
    density: float | None = None,
    activation_density: float | None = None,
    variation: float = 0.0,
) -> Model:
    """Open what the command line takes as LAYER: layers in a row with their input, ready for `simulate`.

    names: layer files (.npz, .huff), network folders, folders of the authors' dump, `table3:NAME`, `example:NAME`;
        several stand in a row.
    rows: outputs of a dumped layer, which its files leave open.
    seed, density, activation_density, variation: how `table3:` layers are made; see `workload`.

    Returns a `Model`: `layers`, `activations` (float32[cols] or [batch, cols]; None where the files bring none),
    `labels` (int64[batch] or None). Raises EieError for what is unknown or malformed, and unless each layer takes
    what the one before gives.

    `eiesim.simulate(eiesim.open("table3:Alex-7"))`
    """
    return open_model([str(name) for name in names], rows, Synthesis(seed, density, activation_density, variation))


def compress(
    model: Any,
    output: str | Path | None = None,
    *,
    density: float | Mapping[str, float] | None = None,
    global_density: float | None = None,
    threshold: float | None = None,
    bits: int = 4,
    initialisation: str = "linear",
    seed: int = 0,
    calibration: Any = None,
    positions: int | None = None,
    name: str | None = None,
    huffman: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Compressed:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    model: a file (.onnx, .safetensors, .npz), a `torch.nn.Module`, a `state_dict` or another mapping of names to
        arrays, a matrix (float[rows, cols], also a SciPy sparse one), or `DenseLayer`s in order.
    output: the network folder to write; None writes nothing. huffman: Huffman-coded files too. force: replace one.
    density: share of each layer's weights to keep, 0 to 1, or shares by layer name. global_density: share of all
        layers' weights, by one threshold. threshold: keep what is above so many standard deviations of its layer.
        At most one of them; with none, only the zeros that are there are pruned.
    bits: of a weight code, 1 to 8. initialisation: where k-means starts, linear (Deep Compression Sec. 3.2), density,
        random or optimal. seed: of random.
    calibration: inputs of the model, on which each layer's error is measured: float[batch, ...] or an .npy file; of a
        model with several inputs a mapping of their names to arrays, or an .npz file.
    positions: of a convolution, keep the inputs of so many positions of an image; None is all.
    name: of a network that is no file. progress: called with 1 after each layer.

    Returns a `Compressed`: `layers` (what `simulate` takes; so is the whole), `reports` (errors and sizes by layer),
    `total`, `network_error`; `model.notes` and `model.left_out` say what was assumed and what EIE cannot run.
    Raises EieError where there is no layer that EIE can run, and for whatever does not fit.

    `eiesim.simulate(eiesim.compress(torch_module, density=0.1), inputs)`
    """
    by_layer = dict(density) if isinstance(density, Mapping) else {}
    everywhere = None if isinstance(density, Mapping) else density
    options = pipeline.Options(everywhere, by_layer, global_density, threshold, bits, initialisation, seed)
    path = Path(model) if isinstance(model, str | Path) else None
    found, taps = pipeline.load_model(path) if path else (model_in_memory(model, name), ())
    known = None
    if calibration is not None:
        values = _calibration_inputs(calibration)
        known = pipeline.calibrate(path or found.name, found, taps, values, positions, seed)
    compressed = pipeline.compress(found, options, known, progress)
    if output is not None:
        pipeline.write(compressed, output, path, huffman=huffman, force=force)
    return compressed


def accuracy(
    source: str | Path | Layered | Sequence[CompressedLayer],
    activations: Any = None,
    labels: Any = None,
    config: MachineConfig | None = None,
    *,
    dense: Any = None,
    pruned: Any = None,
    progress: Progress | None = None,
) -> Accuracies:
    """The share of inputs that a network recognises, before and after compression, in each arithmetic.

    Layers that do not follow one another are those of an ONNX graph: they are computed in each arithmetic, and
    onnxruntime runs the rest of the graph in float32.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        The network: its layers in order, or its folder.
    activations : float[batch, cols], or a path, default None
        None is what the network brings (`inputs.npy`). Of an ONNX graph the model's own inputs, of any shape, or a
        mapping of arrays by input name.
    labels : int[batch], or a path, default None
        Each input's class, the place of its largest output; None is what the network brings (`labels.npy`).
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine, but for its arithmetic; None is the published design.
    dense : path, or what `compress` takes, default None
        The network before pruning; None is the one that it was compressed from, where that is known and unchanged.
    pruned : path, or what `compress` takes, default None
        The pruned network; None is the dense one with the kept weights.
    progress : callable, default None
        Told each network and arithmetic as `progress(done, total, doing)`; see `Progress`.

    Returns
    -------
    Accuracies
        {network: {arithmetic: share}}: networks "dense", "pruned" or "pruned, not retrained" (both only where the dense
        one is known), "shared"; arithmetics float32, fixed32, fixed16, fixed8.

    Raises
    ------
    EieError
        Where inputs or labels are missing, or do not fit, and where a graph's model is not at hand.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.accuracy("example:lenet-300-100")["shared"]["fixed16"]
    0.972
    """
    folder = examples.place(str(source)) if isinstance(source, str | Path) else None
    if folder is not None and network.is_network(folder):
        found = network.load_network(folder)
        dense = model_of_folder(folder, found) if dense is None else dense
        if not found.chain:
            return _through_the_graph(folder, found, activations, labels, config, dense, pruned, progress)
    opened: Any = open(source) if isinstance(source, str | Path) else source
    if dense is None and isinstance(opened, Compressed):
        dense = opened.model.layers
    layers = tuple(getattr(opened, "layers", opened))
    if activations is not None and labels is None:
        raise EieError("activations come without labels; give the inputs' classes")
    values = getattr(opened, "activations", None) if activations is None else _array(activations)
    classes = getattr(opened, "labels", None) if labels is None else _labels(labels)
    if values is None or classes is None:
        raise EieError("the network brings no inputs or no labels; give activations and labels")
    values = np.atleast_2d(values)
    check_labels(classes, len(values), layers[-1].rows)
    rows = generations(layers, _dense_of(dense, layers), _dense_of(pruned, layers))
    steps = Steps(progress, len(rows) * len(ARITHMETICS), "networks x arithmetics")
    return Accuracies(accuracies(rows, values, classes, config, steps), len(values), len(layers))


def _through_the_graph(
    folder: Path,
    found: network.Network,
    activations: Any,
    labels: Any,
    config: MachineConfig | None,
    dense: Any,
    pruned: Any,
    progress: Progress | None,
) -> Accuracies:
    if not isinstance(dense, str | Path) or Path(dense).suffix != ".onnx":
        raise EieError(
            f"{folder}: its layers do not follow one another, so its accuracy needs the ONNX model they are from; "
            f"name it with --dense MODEL.onnx"
        )
    inputs = _calibration_inputs(_brought(folder / network.INPUTS) if activations is None else activations)
    classes = _labels(_brought(folder / network.LABELS) if labels is None else labels)
    rows = generations(found.layers, _dense_of(dense, found.layers), _dense_of(pruned, found.layers))
    steps = Steps(progress, len(rows) * len(ARITHMETICS), "networks x arithmetics")
    shares, computed = graph_accuracies(Path(dense), rows, inputs, classes, config, steps)
    return Accuracies(shares, len(classes), len(found.layers), computed)


def _brought(path: Path) -> Path:
    if not path.is_file():
        raise EieError(f"{path.parent}: brings no {path.name}; give inputs and labels")
    return path


def _array(values: Any) -> Any:
    return npz.load_inputs(values) if isinstance(values, str | Path) else as_float32("activations", values)


def _labels(values: Any) -> Any:
    if isinstance(values, str | Path):
        return npz.load_labels(values)
    return np.atleast_1d(np.asarray(as_float32("labels", values), np.int64))


def _calibration_inputs(values: Any) -> Any:
    """A model's own inputs: of one, or by name."""
    if isinstance(values, str | Path):
        return pipeline.load_calibration(values)
    if isinstance(values, Mapping):
        return {str(key): np.asarray(held) for key, held in values.items()}
    return as_float32("calibration", values)


def _dense_of(model: Any, layers: Sequence[CompressedLayer]) -> Any:
    if model is None:
        return None
    if isinstance(model, str | Path):
        return matching(pipeline.load_model(model)[0], layers, model)
    return matching(model_in_memory(model), layers)


def compare(
    layers: Sequence[str | Path | Workload | tuple[CompressedLayer, Any]] = (ALL_NINE,),
    config: MachineConfig | None = None,
    *,
    inputs: Sequence[Any] = (),
    seed: int = 0,
    variation: float = 0.0,
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    energy: str | None = None,
    energy_table: EnergyTable | None = None,
    published: bool = True,
    measured: Measured | str | Path | None = None,
) -> Comparison:
    """Set simulated layers beside CPUs and GPUs: time, energy, area (EIE Figs. 6 and 7, Tables II, IV and V).

    layers: names, each compared by itself: those of Table III ("Alex-7", "table3:Alex-7"; all nine unless given), or
        what `open` takes; or (layer, activations). inputs: for the names that bring none, float[cols]: one for all,
        or one for each.
    config: the machine; None is the published design. seed, variation, density, activation_density, rows: see `open`.
    energy, energy_table: see `simulate`.
    published: beside what the paper printed, for the layers of Table III.
    measured: beside this machine's CPU and GPU: a `Measured`, or the file where measurements are kept; what it has not
        yet is measured, about a minute a layer.

    Returns a `Comparison`: `layers` (results), `speedup` and `efficiency` (ratios over the published CPU; each says
    whether it is published, simulated, measured or estimated), `eie`, `modules`, `waterfall`, `areas`, `platforms`.
    `plot` draws it.
    Raises EieError for a name that occurs twice, and where the energy model does not cover the machine.
    """
    config = config or MachineConfig()
    synthesis = Synthesis(seed, density, activation_density, variation)
    names = [_prefixed(str(one)) for one in layers if isinstance(one, str | Path)]
    fed = [as_float32("inputs", one) for one in inputs]
    made = open_workloads(names, fed, [seed], [variation], density, activation_density, rows)
    workloads = [make() for make in made]
    for one in layers:
        if isinstance(one, Workload):
            workloads.append(one)
        elif not isinstance(one, str | Path):
            workloads.append(Workload(one[0], as_float32("activations", one[1])))
    if not workloads:
        raise EieError("there is no layer to compare")
    if isinstance(measured, str | Path):
        measured = measure(workloads, measured)
    return comparison.compare(
        workloads,
        config,
        energy=energy,
        energy_table=energy_table,
        with_published=published,
        measured=measured,
        synthesis=synthesis,
    )


def _prefixed(name: str) -> str:
    return f"{TABLE_III}{name}" if name in TABLE_III_LAYERS else name


def balance(
    layer: CompressedLayer | Layered,
    activations: Any = None,
    config: MachineConfig | None = None,
    engine: str = "recurrence",
) -> Balance:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    layer: one layer, or what has just one, such as `eiesim.open("table3:Alex-8", variation=0.15)`.
    activations: float[cols] or [batch, cols]; None is the layer's own. config: None is the published design.
    engine: see `simulate`.

    Returns a `Balance` of three assignments of rows to PEs: as stored, balanced by the weights alone (greedily, Graham
    1969), and knowing the input. Each has its `result`, its `order` (int64[rows]) and `losses` in PE-cycles, whole
    numbers that add up to PEs x cycles (x multipliers): work, padding, lanes (where there are several multipliers),
    static imbalance, empty columns, scan bubbles, start and drain, finite queues. Balanced outputs, put back in order,
    are checked to be the stored ones bit for bit, unless rounding is stochastic.
    Raises EieError for several layers, and where the input is missing or does not fit.
    """
    held = [layer] if isinstance(layer, CompressedLayer) else list(layer.layers)
    if len(held) != 1 or not isinstance(held[0], CompressedLayer):
        raise EieError(f"{len(held)} layers are given; balance takes one at a time")
    values = getattr(layer, "activations", None) if activations is None else activations
    if values is None:
        raise EieError(f"layer '{held[0].name}' brings no activations; give some")
    return balancing.balance(held[0], as_float32("activations", values), config, engine)


def plot(
    what: "pd.DataFrame | Comparison | Result | LayerResult | Balance",
    output: str | Path,
    *,
    accuracies: Mapping[str, float] | None = None,
    formats: Sequence[str] = ("png", "svg"),
) -> list[Path]:
    """Draw a sweep's table, a comparison, a result or a balance into a folder; returns the files.

    what: the table that `sweep` gives (after EIE Figs. 8 to 13: whatever its varying keys allow), what `compare` gives
        (after Figs. 6 and 7; power by module, savings, area), what `simulate` gives (where each layer's PE-cycles went,
        and how evenly the PEs are loaded), or what `balance` gives (PE-cycles by cause, by assignment).
    output: the folder, made if need be; files have the pictures' names and appear together.
    formats: whatever matplotlib writes, such as pdf; text stays text.
    accuracies: for a sweep's table, shares of 1 by arithmetic, drawn beside its energy (Fig. 10).

    Each picture says what is simulated, estimated, measured and published. The same data give the same file.
    Raises EieError where there is nothing to draw, and for a folder that cannot be made.
    """
    from eiesim.drawing import pictures
    from eiesim.view.saving import save_all

    folder = Path(output)
    style, dpi, trim, drawings = pictures(what, accuracies or {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EieError(f"{folder}: cannot be made: {error.strerror}") from None
    return save_all(drawings, folder, style, dpi=dpi, trim=trim, formats=formats)
