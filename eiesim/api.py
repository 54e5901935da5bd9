"""The public API: the functions behind the commands of the same names.

Each parses what may be given in several ways, calls one function of the package that does the work, and returns what
that returns. The public names stand in `__init__.pyi`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from eiesim._checks import several, whole
from eiesim._io.atomic import Outputs
from eiesim._io.modules import is_module
from eiesim._io.named import naming
from eiesim._io.tensors import on_the_host
from eiesim._progress import Steps, Told, telling
from eiesim.balancing import study as balancing
from eiesim.balancing.study import Balance
from eiesim.baselines.measured import measure
from eiesim.baselines.measurements import Measured
from eiesim.comparison import grids as comparison_grids
from eiesim.comparison import rows as comparison
from eiesim.comparison.files import write_tables
from eiesim.comparison.plots import pictures
from eiesim.comparison.rows import Comparison
from eiesim.compression import pipeline
from eiesim.compression.pipeline import Compressed
from eiesim.config import ARITHMETICS, as_config
from eiesim.energy.events import EnergyTable
from eiesim.errors import EieError
from eiesim.evaluation import (
    Accuracies,
    accuracies,
    generations,
    graph_accuracies,
    matching,
    model_of_folder,
)
from eiesim.files import examples, network
from eiesim.files.guarding import guarded
from eiesim.files.held import check as check_held
from eiesim.files.ledger import Choice
from eiesim.files.modules import model_in_memory
from eiesim.files.onnx.reading import parsed_once
from eiesim.files.weights import DenseNetwork
from eiesim.inputs import ALL_NINE, TABLE_III, Opening, Source, Synthesis, is_pair, open_model, open_workloads
from eiesim.layer import CompressedLayer, as_float32
from eiesim.model import Model, Workload, check_labels
from eiesim.outputs import filling
from eiesim.prepared import Config, feeds, given, inputs_given, labels_given, opened, opened_each, prepare_layer
from eiesim.simulation import DEFAULT_ENGINE
from eiesim.sweeps.values import parse_whole
from eiesim.training.trained import Trained
from eiesim.view.document import formats_of
from eiesim.view.document import write as document
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS


def open(
    *names: str | Path,
    rows: int | None = None,
    seed: int = 0,
    density: float | None = None,
    activation_density: float | None = None,
    variation: float = 0.0,
) -> Model:
    """Open what the command line takes as LAYER: layers in a row with what they bring, ready for every verb.

    Parameters
    ----------
    *names : str or pathlib.Path
        Layer files (.npz, .huff), matrices (.mtx, .smtx, sparse .npz, .npy), network folders, folders of the authors'
        dump, `table3:NAME`, `table3:all`, `example:NAME`; several stand in a row.
    rows : int or None, default None
        Outputs of a dumped layer, which its files leave open; None is as many as its highest row needs.
    seed : int, default 0
        Of `table3:` layers, and of what is drawn for matrices.
    density : float or None, default None
        Share of weights kept in `table3:` layers, 0 to 1; None is the table's.
    activation_density : float or None, default None
        Share of active inputs of `table3:` layers, 0 to 1; None is the table's. And of matrices; None is 1.
    variation : float, default 0.0
        Coefficient of variation of the densities of `table3:` layers; see `workload`.

    Returns
    -------
    Model
        The layers in order, with their activations and labels where the files bring any.

    Raises
    ------
    EieError
        For what is unknown or malformed, and for layers that neither follow one another nor have inputs of their own.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.open("example:lenet-300-100").activations.shape
    (500, 784)
    """
    return open_model(list(names), rows, Synthesis(seed, density, activation_density, variation))


def open_each(
    source: Source,
    inputs: Any = (),
    *,
    recorded: bool = False,
    rows: int | None = None,
    seed: int = 0,
    density: float | None = None,
    activation_density: float | None = None,
    variation: float = 0.0,
) -> list[Workload]:
    """Open layers to be looked at each by itself, each with its own input.

    Where a network's layers follow one another, the later ones' inputs are the float32 outputs of the layer before.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`; `table3:all` is all nine of Table III.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        For what brings none: one for all, or one for each in order. A single source takes it in place of its own.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    rows : int, default None
        Outputs of a dumped layer, which its files leave open.
    seed : int, default 0
        Of `table3:` layers.
    density : float, default None
        Share of weights kept in `table3:` layers, 0 to 1; None is the table's.
    activation_density : float, default None
        Share of active inputs of `table3:` layers, 0 to 1; None is the table's. And of matrices; None is 1.
    variation : float, default 0.0
        Coefficient of variation of the densities of `table3:` layers; see `workload`.

    Returns
    -------
    list of Workload
        A layer with its input each: a source for every verb.

    Raises
    ------
    EieError
        For what is unknown or malformed, and where inputs are missing or too many.

    Examples
    --------
    >>> import eiesim
    >>> [one.layer.name for one in eiesim.open_each("example:lenet-300-100")]
    ['ip1', 'ip2', 'ip3']
    """
    how = Opening(rows=rows, seed=seed, density=density, activation_density=activation_density, variation=variation)
    return [make() for make in opened_each(source, inputs, recorded, **how)]


@telling
@naming(calibration="calibration inputs")
@guarded("model", "calibration", fills=("output",))
@parsed_once()
def compress(
    model: Any,
    output: str | Path | None = None,
    *,
    density: float | Mapping[str, float] | Sequence[str] | None = None,
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
    take: str | Sequence[str] = (),
    leave: str | Sequence[str] = (),
    check: bool = True,
    progress: Told = None,
) -> Compressed:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    At most one of `density`, `global_density` and `threshold` is given; with none, only the zeros that are there are
    pruned.

    Parameters
    ----------
    model : path, torch.nn.Module, mapping of names to arrays, float[rows, cols], or sequence of DenseLayer
        A file (docs/reading.md), a module, a `state_dict` or another mapping, a matrix (also a SciPy sparse
        one), or layers in order.
    output : str or pathlib.Path or None, default None
        The network folder to write; None writes nothing.
    density : float, mapping of str to float, sequence of str, or None, default None
        Share of each layer's weights to keep, 0 to 1, or shares by layer name; or texts as the command line takes
        them, `["0.1", "fc1=0.2"]`.
    global_density : float or None, default None
        Share of all layers' weights together to keep, 0 to 1, by one threshold.
    threshold : float or None, default None
        Keep what is above so many standard deviations of its layer.
    bits : int, default 4
        Of a weight code, 1 to 8.
    initialisation : str, default "linear"
        Where k-means starts: "linear" (Deep Compression Sec. 3.2), "density", "random" or "optimal".
    seed : int, default 0
        Of a random start, and of the positions that are kept.
    calibration : float[batch, ...], a path, or mapping of str to arrays, or None, default None
        Inputs of the model, on which each layer's error is measured: an array or an .npy file; of a model with several
        inputs a mapping of their names to arrays, or an .npz file. A module is run on them, so whole numbers, such as
        tokens, stay such.
    positions : int or None, default None
        Of a convolution, keep the inputs of so many positions of an image; None is all.
    name : str or None, default None
        Of a network that is no file.
    huffman : bool, default False
        Write Huffman-coded layer files too.
    force : bool, default False
        Replace a network folder that eiesim wrote; files of others in it stay.
    take : str or sequence of str, default ()
        Tensors that are layers whatever they are called: names, or patterns as `fnmatch` has them, on whole names.
        `model.ledger` says what each tensor was taken for.
    leave : str or sequence of str, default ()
        Tensors or layers that are not to be read, in the same way.
    check : bool, default True
        Run a module or an ONNX graph, and refuse where a layer as read gives other outputs; `model.held` says how near
        they are.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step a layer; see `progress`.

    Returns
    -------
    Compressed
        The layers, a source for every verb, with errors and sizes layer by layer; `model.notes` and `model.left_out`
        say what was assumed and what EIE cannot run.

    Raises
    ------
    EieError
        Where there is no layer that EIE can run, where a layer as read does not give the source's outputs, and for
        whatever does not fit.

    Examples
    --------
    >>> import eiesim, numpy
    >>> weights = numpy.random.default_rng(0).normal(size=(30, 20))
    >>> network = eiesim.compress(weights, density=0.1)
    >>> network.layers[0].nnz
    60
    """
    everywhere, by_layer = _densities(density)
    path = Path(model) if isinstance(model, str | Path) else None
    if output is not None:
        network.check_network_folder(output, force, path)
    if positions is not None:
        whole("positions", positions, 1)
    options = pipeline.Options(everywhere, by_layer, global_density, threshold, bits, initialisation, seed)
    choice = _choice(take, leave)
    values = None if calibration is None else _calibration_inputs(calibration, is_module(model))
    found, taps = (
        pipeline.load_model(path, choice, seed) if path else (model_in_memory(model, name, choice, check, values), ())
    )
    if check:
        check_held(found.held)
        found = pipeline.hold(path, found, values) if path else found
    known = None
    if values is not None:
        known = pipeline.calibrate(path or found.name, found, taps, values, positions, seed)
    steps = Steps(progress, len(found.layers), "layers")
    compressed = pipeline.compress(found, options, known, steps)
    if output is not None:
        pipeline.write(compressed, output, path, huffman=huffman, force=force)
    return compressed


def read_model(model: str | Path, *, take: str | Sequence[str] = (), leave: str | Sequence[str] = ()) -> DenseNetwork:
    """Read a trained network's file as `compress` does, and say what each of its tensors is taken for.

    Parameters
    ----------
    model : str or pathlib.Path
        A file or folder, as `compress` takes it (docs/reading.md).
    take : str or sequence of str, default ()
        Tensors that are layers whatever they are called: names, or patterns as `fnmatch` has them.
    leave : str or sequence of str, default ()
        Tensors or layers that are not to be read, in the same way.

    Returns
    -------
    DenseNetwork
        The layers as read, what is left out and why, and the `ledger` of all tensors.

    Raises
    ------
    EieError
        For another kind of file, and anything malformed.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.read_model("model.safetensors", leave="*.running_mean").ledger  # doctest: +SKIP
    """
    return pipeline.read_model(Path(model), _choice(take, leave))[0]


@telling
@naming(labels="labels")
def accuracy(
    source: Source,
    activations: Any = None,
    labels: Any = None,
    config: Config = None,
    *,
    dense: Any = None,
    pruned: Any = None,
    progress: Told = None,
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
        The network before pruning; None is the one that it was compressed or trained from, where that is known and
        unchanged.
    pruned : path, or what `compress` takes, default None
        The pruned network; None is the one that `train` made, else the dense one with the kept weights.
    progress : callable(int, int or None, str), bool or None, default None
        Told each network and arithmetic as `progress(done, total, doing)`; see `progress`.

    Returns
    -------
    Accuracies
        {network: {arithmetic: share}}: networks "dense" and "pruned", where they are known; "pruned, not retrained"
        where only the dense one is, has the same shapes, and was not retrained afterwards; "shared"; arithmetics
        float32, fixed32, fixed16, fixed8.

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
    smaller = retrained = isinstance(source, Trained)  # some methods leave fewer units, or make two layers of one
    if folder is not None and network.is_network(folder):
        found = network.load_network(folder)
        smaller = retrained = "method" in found.about
        pruned = model_of_folder(folder, found, "pruned") if pruned is None else pruned
        dense = model_of_folder(folder, found) if dense is None else dense
        # One output alone has no largest: the graph says whether a Sigmoid makes it.
        one_column = found.layers[-1].rows == 1 and str(dense).endswith(".onnx")
        if not found.chain or one_column:
            return _through_the_graph(folder, found, activations, labels, config, dense, pruned, progress)
    if isinstance(source, Trained) and not source.chain:
        if dense is not None or pruned is not None:
            raise EieError("a network with convolutions brings the dense and the pruned one itself; give no other")
        return _of_convolutions(source, activations, labels, config, progress)
    model = opened(source)
    if dense is None and isinstance(source, Compressed):
        dense = source.model.layers
    layers = model.layers
    if activations is not None and labels is None:
        raise EieError("activations come without labels; give the inputs' classes")
    classes = model.labels if labels is None else labels_given(labels)
    if classes is None or (activations is None and not model.brings_inputs()):
        raise EieError("the network brings no inputs or no labels; give activations and labels")
    fed = model.feeds(*given(activations))
    if len(fed) > 1:
        raise EieError("layers that run each by itself recognise nothing; accuracy needs layers in a row")
    values = np.atleast_2d(fed[0].activations)
    check_labels(classes, len(values), layers[-1].rows, model.origins[0] if labels is None else "")
    if isinstance(source, Trained) and dense is None and pruned is None:
        rows = generations(layers, source.networks.dense, source.outcome.layers)
    else:
        before = _dense_of(dense, layers, smaller), _dense_of(pruned, layers)
        rows = generations(layers, *before, retrained=retrained)
    steps = Steps(progress, len(rows) * len(ARITHMETICS), "networks x arithmetics")
    return Accuracies(accuracies(rows, values, classes, as_config(config), steps), len(values), len(layers))


@parsed_once()
def _through_the_graph(
    folder: Path,
    found: network.Network,
    activations: Any,
    labels: Any,
    config: Config,
    dense: Any,
    pruned: Any,
    progress: Told,
) -> Accuracies:
    graph = model_of_folder(folder, found, "graph")  # of the layers themselves, where `train` wrote it
    if graph is None and (not isinstance(dense, str | Path) or Path(dense).suffix != ".onnx"):
        raise EieError(
            f"{folder}: its layers do not follow one another, so its accuracy needs the ONNX model they are from; "
            f"name it with --dense MODEL.onnx"
        )
    inputs = _calibration_inputs(_brought(folder / network.INPUTS) if activations is None else activations)
    classes = labels_given(_brought(folder / network.LABELS) if labels is None else labels)
    before = _dense_of(dense, found.layers, graph is not None, False), _dense_of(pruned, found.layers)
    rows = generations(found.layers, *before, retrained=graph is not None)
    graphs = dict.fromkeys(rows, Path(dense if graph is None else graph))
    if graph is not None and "dense" in rows:  # whose shapes may be others
        graphs["dense"] = Path(dense)
    steps = Steps(progress, len(rows) * len(ARITHMETICS), "networks x arithmetics")
    shares, computed = graph_accuracies(graphs, rows, inputs, classes, as_config(config), steps)
    return Accuracies(shares, len(classes), len(found.layers), computed)


def _of_convolutions(trained: Trained, activations: Any, labels: Any, config: Config, progress: Told) -> Accuracies:
    held_out = trained.parts.held_out
    if (activations is None) != (labels is None):
        raise EieError("give both, activations and labels, or neither")
    values, classes = held_out.inputs, held_out.labels
    if activations is not None:
        given_inputs, classes = _calibration_inputs(activations), labels_given(labels)
        if isinstance(given_inputs, Mapping):
            raise EieError("activations: are named; this network has one input; give one array")
        values = np.asarray(given_inputs, np.float32)
        values = values.reshape(len(np.atleast_2d(values)), -1)
    if values.shape[1] != held_out.inputs.shape[1]:
        raise EieError(f"activations: {values.shape[1]} an input, the network takes {held_out.inputs.shape[1]}")
    check_labels(classes, len(values), trained.shared[-1].rows)
    rows = generations(trained.shared, trained.networks.dense, trained.outcome.layers)
    steps = Steps(progress, len(rows) * len(ARITHMETICS), "networks x arithmetics")
    shares = accuracies(rows, values, classes, as_config(config), steps, {"shared": trained.outcome.layers})
    return Accuracies(shares, len(values), len(trained.shared))


def _brought(path: Path) -> Path:
    if not path.is_file():
        raise EieError(f"{path.parent}: brings no {path.name}; give inputs and labels")
    return path


def _densities(given: Any) -> tuple[float | None, dict[str, float]]:
    """The share for all layers, and those by layer name."""
    if isinstance(given, Mapping):
        return None, {str(name): share for name, share in given.items()}
    if not isinstance(given, list | tuple):
        return given, {}
    everywhere, by_layer = None, dict[str, float]()
    for text in given:
        name, equals, value = str(text).rpartition("=")
        try:
            share = float(value)
        except ValueError:
            raise EieError(f"density {text}: is neither a share, such as 0.1, nor LAYER=SHARE") from None
        if not 0 <= share <= 1:
            raise EieError(f"density {text}: must be 0 to 1, the share of weights to keep")
        if equals:
            by_layer[name] = share
        else:
            everywhere = share
    return everywhere, by_layer


def _choice(take: str | Sequence[str], leave: str | Sequence[str]) -> Choice:
    return Choice(*((named,) if isinstance(named, str) else tuple(named) for named in (take, leave)))


def _calibration_inputs(values: Any, whole: bool = False) -> Any:
    """A model's own inputs: of one, or by name. whole: whole numbers stay such, as a module's tokens."""
    if isinstance(values, str | Path):
        return pipeline.load_calibration(values)
    if isinstance(values, Mapping):
        named = {str(key): np.asarray(held) for key, held in values.items()}
        for key, held in named.items():
            _check_some(f"calibration: {key}", held)
        return named
    numbers = np.asarray(on_the_host(values)) if whole else None
    found = as_float32("calibration", values) if numbers is None or numbers.dtype.kind not in "iub" else numbers
    if not found.ndim:
        raise EieError(f"calibration = {found}: needs one value an input of the model, or a batch of them")
    _check_some("calibration", found)
    return found


def _check_some(where: str, values: Any) -> None:
    if values.size == 0:
        raise EieError(f"{where}: shape {values.shape}: is empty")


def _dense_of(model: Any, layers: Sequence[CompressedLayer], smaller: bool = False, chain: bool = True) -> Any:
    if model is None:
        return None
    if isinstance(model, str | Path):
        return matching(pipeline.load_model(model)[0], layers, model, smaller, chain)
    return matching(model_in_memory(model), layers, smaller=smaller, chain=chain)


@telling
@guarded("source", "config", "inputs", writes=("measured",))
def compare(
    source: Source = ALL_NINE,
    config: Config = None,
    *,
    inputs: Any = (),
    seed: int = 0,
    seeds: Sequence[int] | str | None = None,
    variation: float = 0.0,
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
    energy: str | None = None,
    energy_table: EnergyTable | None = None,
    published: bool = True,
    measured: Measured | str | Path | None = None,
    again: bool = False,
    cpu_tdp: float | None = None,
    gpu_tdp: float | None = None,
    progress: Told = None,
) -> Comparison:
    """Set simulated layers beside CPUs and GPUs: time, energy, area (EIE Figs. 6 and 7, Tables II, IV and V).

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` gives, default "table3:all"
        As in `simulate`, each layer compared by itself; the default is all nine of Table III, whose bare names
        ("Alex-7") do here.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        Activations for the layers that bring none: one for all, or one for each.
    seed : int, default 0
        Of `table3:` layers.
    seeds : sequence of int or str, default None
        Several seeds, also as "0:5", in place of one: ratios are means over them, with bars of their spread.
    variation : float, default 0.0
        Coefficient of variation of the densities of `table3:` layers; see `workload`.
    density : float, default None
        Share of weights kept in `table3:` layers, 0 to 1; None is the table's.
    activation_density : float, default None
        Share of active inputs of `table3:` layers, 0 to 1; None is the table's. And of matrices; None is 1.
    rows : int, default None
        Outputs of a dumped layer, which its files leave open.
    recorded : bool, default False
        Feed layers of a network their recorded inputs, even where the network has its own.
    energy : str, default None
        The energy model; see `simulate`.
    energy_table : EnergyTable, default None
        Figures for the activity model in place of the published ones.
    published : bool, default True
        Beside what the paper printed, for the layers of Table III.
    measured : Measured or path, default None
        Beside this machine's CPU and GPU: measurements, or the file where they are kept; what it has not yet is
        measured, about a minute a layer.
    again : bool, default False
        Measure anew what the file has already.
    cpu_tdp : float, default None
        Watts of this CPU, to estimate energy from where there is no counter to read.
    gpu_tdp : float, default None
        Watts of this GPU, likewise; without them a GPU without a counter is left out.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step for each layer that is measured; see `progress`.

    Returns
    -------
    Comparison
        `layers` (results), `speedup` and `efficiency` (ratios over the published CPU; each says whether it is
        published, simulated, measured or estimated), `eie`, `modules`, `waterfall`, `areas`, `platforms`. `plot` draws
        it.

    Raises
    ------
    EieError
        As `simulate` does; for a name that occurs twice, and where the energy model does not cover the machine.

    Examples
    --------
    >>> import eiesim
    >>> [layer.name for layer in eiesim.compare("NT-We").layers]
    ['NT-We']
    """
    machine = as_config(config)
    synthesis = Synthesis(seed, density, activation_density, variation)
    if not isinstance(measured, str | Path | Measured | None):
        raise EieError(f"measured: {type(measured).__name__} is none; give measurements or the file that holds them")
    every = [seed] if seeds is None else parse_whole(seeds) if isinstance(seeds, str) else several("seeds", seeds)
    made = open_workloads(
        _prefixed(source), inputs_given(inputs), every, [variation], density, activation_density, rows, recorded
    )
    workloads = [make() for make in made]
    options: dict[str, Any] = {"energy": energy, "energy_table": energy_table, "synthesis": synthesis}
    if isinstance(measured, str | Path):
        # Before measuring for a minute, see that the rest can be done.
        comparison.compare(workloads[:1], machine, with_published=False, **options)
        firsts = list({one.layer.name: one for one in reversed(workloads)}.values())[::-1]
        steps = Steps(progress, len(firsts), "layers measured")
        measured = measure(firsts, measured, again=again, cpu_tdp_w=cpu_tdp, gpu_tdp_w=gpu_tdp, progress=steps)
    return comparison.compare(workloads, machine, with_published=published, measured=measured, **options)


def save_comparison(
    found: Comparison,
    folder: str | Path,
    *,
    plots: bool = True,
    formats: Sequence[str] | None = None,
    style: str = "screen",
) -> list[Path]:
    """Write a comparison's tables (CSV) and pictures into a folder; all of them appear, or none.

    Parameters
    ----------
    found : Comparison
        What `compare` gives.
    folder : path
        The folder, made if need be.
    plots : bool, default True
        Draw the pictures, too.
    formats : sequence of str or None, default None
        Of pictures, what matplotlib writes; "tex" is the tables in LaTeX, with BibTeX of what is compared. None is PNG
        and SVG, for a paper PDF.
    style : str, default "screen"
        "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    EieError
        Where the folder or a file cannot be written, and for a format or style that there is not.

    Examples
    --------
    >>> import eiesim
    >>> files = eiesim.save_comparison(eiesim.compare("NT-We"), "out")  # doctest: +SKIP
    """
    wanted = formats_of(formats, style)
    with filling(folder) as made, Outputs() as files:
        written = write_tables(found, made, files)
        drawn = pictures(found) if plots else ()
        keys = comparison_grids.cited(found)
        written += document(drawn, comparison_grids.grids(found), keys, made, files, formats=wanted, style=style)
    return written


def _prefixed(source: Any) -> Any:
    """A source whose bare names of Table III are spelled as everywhere else."""
    if isinstance(source, str):
        return f"{TABLE_III}{source}" if source in TABLE_III_LAYERS else source
    return [_prefixed(one) for one in source] if isinstance(source, list | tuple) and not is_pair(source) else source


def balance(
    source: Source,
    activations: Any = None,
    config: Config = None,
    engine: str = DEFAULT_ENGINE,
    *,
    recorded: bool = False,
    **opening: Unpack[Opening],
) -> Balance:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    Parameters
    ----------
    source : name, path or layer, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`, with one layer; `open_each` takes a network apart.
    activations : float[cols] or [batch, cols], or a path, default None
        None is what the source brings.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine, with resident weights; None is the published design.
    engine : str, default "recurrence"
        See `simulate`.
    recorded : bool, default False
        Feed the layer its recorded inputs, even where its network has its own.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    Balance
        Three assignments of rows to PEs: as stored, balanced by the weights alone (greedily, Graham 1969), and knowing
        the input. Each has its `result`, its `order` (int64[rows]) and `losses` in PE-cycles, whole numbers that add
        up to PEs x cycles (x multipliers): work, padding, lanes (where there are several multipliers), static
        imbalance, empty columns, scan bubbles, start and drain, finite queues. Balanced outputs, put back in order,
        are checked to be the stored ones bit for bit, unless rounding is stochastic.

    Raises
    ------
    EieError
        As `simulate` does, and for several layers.

    Examples
    --------
    >>> import eiesim
    >>> stored, by_weights, for_input = eiesim.balance("table3:NT-We").assignments
    >>> by_weights.cycles <= stored.cycles
    True
    """
    machine = as_config(config)
    fed = feeds(source, activations, recorded, **opening)
    count = sum(len(feed.layers) for feed in fed)
    if count != 1:
        raise EieError(f"{count} layers are given; balance takes one at a time, and eiesim.open_each gives them apart")
    return balancing.balance(prepare_layer(fed[0].layers[0], fed[0].activations, machine), engine)
