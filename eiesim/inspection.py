"""eiesim.inspect: what a layer is, how it lies on the PEs, and what fits which memory."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Unpack

from eiesim import capacity, streaming
from eiesim._shown import Brief
from eiesim.capacity import Need
from eiesim.config import MachineConfig, as_config
from eiesim.encoding import InterleavedLayer
from eiesim.inputs import Opening, Source
from eiesim.model import Layer
from eiesim.prepared import Config, interleaved_for, opened


@dataclass(frozen=True, eq=False, repr=False)
class Inspection(Brief):
    """A layer on a machine, without any input.

    Attributes
    ----------
    layer : InterleavedLayer
        The layer as the PEs store it.
    needs : tuple of Need
        What it needs of each memory, and what there is.
    streamed : mapping of str to Any
        What streaming its weights once would cost, for JSON.
    """

    layer: InterleavedLayer
    needs: tuple[Need, ...]
    streamed: Mapping[str, Any]

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
            "activation": of.activation,
            "pes": layer.pes,
            **spread,
            "memory": [{**asdict(need), "fits": need.fits} for need in self.needs],
            "streamed": self.streamed,
        }


def _inspected(layer: Layer, config: MachineConfig) -> Inspection:
    interleaved = interleaved_for(layer, config)
    return Inspection(interleaved, capacity.needs(interleaved, config), streaming.estimate(interleaved, config))


def inspect(source: Source, config: Config = None, **opening: Unpack[Opening]) -> tuple[Inspection, ...]:
    """Look at layers: sizes, density, entries and padding a PE, and what fits which memory.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`; no input is needed.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    tuple of Inspection
        One a layer: `layer` (interleaved), `needs` and `streamed`.

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
    return tuple(_inspected(one, machine) for one in opened(source, **opening).as_they_came)
