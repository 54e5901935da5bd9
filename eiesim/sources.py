"""What may stand where the command line says LAYER: files, folders, dumps and Table III layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.files import dump, huffman, network, npz
from eiesim.layer import CompressedLayer
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS
from eiesim.workloads import workload

TABLE_III = "table3:"


@dataclass(frozen=True)
class Source:
    """Layers in order, and what came with them.

    activations: float32[cols] or [batch, cols], or None. labels: int64[batch], the class of each of these, or None.
    origins: the name that each layer was opened by.
    """

    layers: tuple[CompressedLayer, ...]
    activations: npt.NDArray[np.float32] | None
    labels: npt.NDArray[np.int64] | None = None
    origins: tuple[str, ...] = ()

    def check(self, activations: npt.NDArray[np.float32], activations_from: str, weight_bits: int) -> None:
        """What `simulate` would refuse too, but naming the files: lengths, and codebooks too long for the machine."""
        first = self.layers[0]
        if activations.shape[-1] != first.cols:
            raise EieError(
                f"{activations_from}: activations: {activations.shape[-1]} an input, "
                f"but '{first.name}' ({self.origins[0]}) has {first.cols} columns"
            )
        for layer, origin in zip(self.layers, self.origins, strict=True):
            if len(layer.codebook) > 2**weight_bits:
                raise EieError(
                    f"{origin}: codebook: that of '{layer.name}' has {len(layer.codebook)} entries, "
                    f"weight_bits = {weight_bits} reach {2**weight_bits}"
                )


@dataclass(frozen=True)
class Synthesis:
    """How `table3:` layers are made; see `workloads.workload`."""

    seed: int = 0
    density: float | None = None
    activation_density: float | None = None
    variation: float = 0.0


def open_sources(
    names: Sequence[str],
    rows: int | None = None,
    synthesis: Synthesis = Synthesis(),
) -> Source:
    """The layers that the names stand for, in order; the first one's own activations, if it brings any.

    names: layer files (.npz, .huff), network folders, dump folders, `table3:NAME`. rows: outputs of a dumped layer.
    Raises EieError for anything unknown or malformed, and unless each layer takes what the one before gives.
    """
    opened = [_open(name, rows, synthesis) for name in names]
    layers = [layer for source in opened for layer in source.layers]
    network.check_chain(layers, "these layers do not follow one another")
    origins = tuple(name for name, source in zip(names, opened, strict=True) for _ in source.layers)
    return Source(tuple(layers), opened[0].activations, opened[0].labels, origins)


def open_cases(
    names: Sequence[str],
    activations: npt.NDArray[np.float32] | None = None,
    rows: int | None = None,
    synthesis: Synthesis = Synthesis(),
) -> list[tuple[CompressedLayer, npt.NDArray[np.float32]]]:
    """Layers each by itself with an input, float32[cols]; Table III names may stand alone, and no name is all nine.

    activations: for a single layer, instead of its own. rows, synthesis: see `open_sources`.
    Raises EieError for a layer that comes without an input, or with several.
    """
    cases = []
    for name in names or list(TABLE_III_LAYERS):
        source = _open(f"{TABLE_III}{name}" if name in TABLE_III_LAYERS else name, rows, synthesis)
        own = source.activations if activations is None else activations
        if len(source.layers) > 1 or (activations is not None and len(names) != 1):
            raise EieError(f"{name}: give one layer file at a time with --input, not a network")
        if own is None:
            raise EieError(f"{name} brings no activations; give some with --input FILE.npy")
        if own.ndim != 1:
            raise EieError(f"activations: shape {own.shape}, but a comparison takes one input, (cols,)")
        cases.append((source.layers[0], own))
    return cases


def _open(name: str, rows: int | None, synthesis: Synthesis) -> Source:
    if name.startswith(TABLE_III):
        layer, activations = workload(
            name.removeprefix(TABLE_III),
            synthesis.seed,
            density=synthesis.density,
            activation_density=synthesis.activation_density,
            variation=synthesis.variation,
        )
        return Source((layer,), activations)
    path = Path(name)
    if not path.is_dir():
        return Source((huffman.load_huffman(path) if path.suffix == huffman.SUFFIX else npz.load(path),), None)
    if network.is_network(path):
        return _open_network(path)
    if dump.is_dump(path):
        layer, activations = dump.load_dump(path, rows)
        return Source((layer,), activations)
    raise EieError(
        f"{path}: a folder with neither {network.FILE} nor the authors' dump (act.dat, arithm.dat, ptr, spm)"
    )


def _open_network(folder: Path) -> Source:
    found = network.load_network(folder)
    if not found.chain:
        raise EieError(
            f"{folder}: its layers do not follow one another (chain = false); name one: {', '.join(found.files)}"
        )
    inputs, labels = folder / network.INPUTS, folder / network.LABELS
    if not inputs.is_file():
        return Source(found.layers, None)
    return Source(found.layers, npz.load_inputs(inputs), npz.load_labels(labels) if labels.is_file() else None)
