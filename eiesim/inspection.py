"""eiesim.inspect: what a layer is, how it lies on the PEs, what fits which memory; and how a network's file is read."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from eiesim import capacity, streaming
from eiesim._shown import Brief, Plotted, Tabled
from eiesim.capacity import Need
from eiesim.config import MachineConfig, as_config
from eiesim.encoding import InterleavedLayer
from eiesim.files import npz
from eiesim.files.matrices import Matrix, is_archive, matrix_of
from eiesim.inputs import Opening, Source, is_model
from eiesim.layer_result import LayerResult
from eiesim.model import Layer
from eiesim.prepared import Config, interleaved_for, opened, relu_follows
from eiesim.simulation import simulate

if TYPE_CHECKING:
    import pandas as pd

    from eiesim.files.weights import DenseNetwork


@dataclass(frozen=True)
class Read:
    """How a layer was read from a file that is no layer file.

    source: the tensor that its weights are. distinct: how many different values they have, 0 left out. shared:
    "as it was" or "k-means". sharing_error: what sharing 15 values would cost, ||shared - weights|| / ||weights||; None
    without weights.
    """

    source: str
    distinct: int
    shared: str
    sharing_error: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Inspection(Plotted, Tabled, Brief):
    """A layer on a machine, without any input.

    Attributes
    ----------
    layer : InterleavedLayer
        The layer as the PEs store it.
    needs : tuple of Need
        What it needs of each memory, and what there is.
    streamed : mapping of str to Any
        What streaming its weights once would cost, for JSON.
    read : Read or None, default None
        How it was read, where the source is a matrix or a trained network.
    whole : LayerResult or None, default None
        Of the same, what one input costs of which no value is zero, simulated: the most that any can.
    activation : str, default "relu"
        What follows the layer on the machine, "relu" or "none".
    """

    layer: InterleavedLayer
    needs: tuple[Need, ...]
    streamed: Mapping[str, Any]
    read: Read | None = None
    whole: LayerResult | None = None
    activation: str = "relu"

    @property
    def _caption(self) -> str:
        return f"{repr(self.layer).strip('<>')}; what its PEs need of each memory"

    def to_frame(self) -> "pd.DataFrame":
        """What the layer needs of each memory of a PE.

        Returns
        -------
        pandas.DataFrame
            A row a memory: `layer`, `memory`, `needs` (of the PE that needs most), `holds`, `unit` and `fits`.
        """
        import pandas as pd

        rows = [(self.layer.layer.name, one.name, one.needs, one.holds, one.unit, one.fits) for one in self.needs]
        return pd.DataFrame(rows, columns=["layer", "memory", "needs", "holds", "unit", "fits"])

    def to_dict(self) -> dict[str, Any]:
        """For JSON.

        Returns
        -------
        dict
            Numbers, texts and lists, for JSON.
        """
        layer, of = self.layer, self.layer.layer
        spread = {
            name: {"least": int(counts.min()), "mean": float(counts.mean()), "most": int(counts.max())}
            for name, counts in (("entries_per_pe", layer.entries_per_pe), ("padding_per_pe", layer.padding_per_pe))
        }
        return {
            "name": of.name,
            "rows": of.rows,
            "cols": of.cols,
            "nnz": of.nnz,
            "density": of.density,
            "codebook_entries": len(of.codebook),
            "bias": of.bias_codes is not None,
            **({"groups": of.groups, "depthwise": of.depthwise} if of.groups > 1 else {}),
            "activation": self.activation,
            "pes": layer.pes,
            **spread,
            "memory": [{**asdict(need), "fits": need.fits} for need in self.needs],
            "streamed": self.streamed,
            **self._as_read(),
        }

    def _as_read(self) -> dict[str, Any]:
        if self.read is None or self.whole is None:
            return {}
        energy = self.whole.energy
        cost = {"cycles": self.whole.cycles, "time_us": self.whole.time_us}
        return {
            "read": asdict(self.read),
            "every_input_active": {**cost, "energy_uj": None if energy is None else energy.total_uj},
        }


class Inspections(tuple[Inspection, ...], Plotted, Tabled):
    """The layers that were looked at. models: the networks and matrices among the sources, as they were read."""

    models: "tuple[DenseNetwork, ...]"

    def __new__(cls, layers: Iterator[Inspection], models: "list[DenseNetwork]") -> "Inspections":
        """Both; models may still be filled while the layers are taken."""
        made = super().__new__(cls, layers)
        made.models = tuple(models)
        return made

    @property
    def _caption(self) -> str:
        return "What the layers need of each memory of a PE"

    def to_frame(self) -> "pd.DataFrame":
        """What the layers need of each memory of a PE.

        Returns
        -------
        pandas.DataFrame
            As of each `Inspection`, one below the other.
        """
        import pandas as pd

        return pd.concat([one.to_frame() for one in self], ignore_index=True)


def inspect(source: Source, config: Config = None, **opening: Unpack[Opening]) -> Inspections:
    """Look at layers: sizes, density, entries and padding a PE, and what fits which memory.

    A matrix, or a trained network's file, is looked at before it is compressed: as it would be read, what sharing its
    weights would cost, and what it would cost on the machine. Nothing is pruned but zeros, and no model is run.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`; no input is needed. And files that `compress` takes.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    tuple of Inspection
        One a layer: `layer` (interleaved), `needs` and `streamed`; of a matrix or network `read` and `whole`, too. Its
        `models` are the networks and matrices as read, with `ledger`, `notes` and `left_out`.

    Raises
    ------
    EieError
        For what is unknown or malformed, and a layer that is interleaved for another machine.

    Examples
    --------
    >>> import eiesim
    >>> {need.name: need.needs for need in eiesim.inspect("table3:VGG-6")[0].needs}["pointer_sram"]
    25089
    """
    machine = as_config(config)
    models: list[DenseNetwork] = []
    return Inspections(_inspect(source, machine, models, opening), models)


def _inspect(
    source: Source, config: MachineConfig, models: "list[DenseNetwork]", opening: Opening
) -> Iterator[Inspection]:
    """Each layer in order. models: what the networks among the sources are added to."""
    from eiesim.compression import pipeline  # imported where it is used: a run does not wait for it
    from eiesim.files.weights import DenseNetwork

    names = [source] if isinstance(source, str | Path) else source
    if not isinstance(names, list | tuple) or not all(isinstance(name, str | Path) for name in names):
        names = []
    read = [(str(name), _read(str(name), opening.get("seed", 0))) for name in names]
    if all(found is None for _, found in read):
        yield from (_inspected(one, config) for one in opened(source, **opening).as_they_came)
        return
    for name, found in read:
        if found is None:
            yield from (_inspected(one, config) for one in opened(name, **opening).as_they_came)
        elif isinstance(found, Matrix):
            models.append(DenseNetwork(found.name, (), (), (), True, found.told(), ledger=(found.entry,)))
            shared = pipeline.AS_IT_WAS if found.sharing.as_it_was else pipeline.BY_K_MEANS
            how = Read(found.name, len(np.unique(found.weights.data)), shared, found.sharing_error)
            yield _inspected(found.layer, config, how)
        else:
            models.append(found)
            made = pipeline.compress(found, pipeline.Options(bits=config.weight_bits))
            for dense, layer, report in zip(found.layers, made.layers, made.reports, strict=True):
                distinct = len(np.unique(dense.weights[dense.weights != 0]))
                how = Read(report.source, distinct, report.shared, report.sharing_error)
                yield _inspected(layer, config, how)


def _read(name: str, seed: int) -> "Matrix | DenseNetwork | None":
    """A matrix, or a trained network, of a name; None where it stands for layers as they are."""
    from eiesim.compression import pipeline

    path = Path(name)
    if is_model(name):
        return pipeline.load_model(path)[0]
    if not path.is_file():
        return None
    if path.suffix != ".npz":
        return matrix_of(path, seed)
    keys = npz.keys(path)
    if not keys or (npz.is_layer(keys) and not is_archive(keys)):
        return None
    return matrix_of(path, seed) or pipeline.load_model(path)[0]


def _inspected(layer: Layer, config: MachineConfig, read: Read | None = None) -> Inspection:
    interleaved = interleaved_for(layer, config)
    whole = None
    if read is not None:
        ones = np.ones(interleaved.layer.cols, np.float32)
        whole = simulate(interleaved, ones, config, outputs=False).layers[0]
    needs, streamed = capacity.needs(interleaved, config), streaming.estimate(interleaved, config)
    activation = "relu" if relu_follows(interleaved.layer, config) else "none"
    return Inspection(interleaved, needs, streamed, read, whole, activation)
