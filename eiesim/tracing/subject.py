"""Subject: one input on its way through one layer, prepared as `simulate` prepares it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from eiesim._checks import whole
from eiesim._shown import Brief
from eiesim.config import MachineConfig, as_config
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError, unknown
from eiesim.inputs import Opening, Source
from eiesim.job import Job
from eiesim.model import Feed, plain
from eiesim.prepared import Config, Prepared, feeds, in_a_row, with_outputs


@dataclass(frozen=True, eq=False, repr=False)
class Subject(Brief):
    """What is looked at: one input of a prepared layer.

    item: which input of a batch; None where there is only one.
    """

    prepared: Prepared
    item: int | None = None

    @property
    def config(self) -> MachineConfig:
        """The machine."""
        return self.prepared.config

    @property
    def job(self) -> Job:
        """The layer on its machine."""
        return self.prepared.job

    @property
    def layer(self) -> InterleavedLayer:
        """The layer as the PEs store it."""
        return self.prepared.layer

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.layer.name or "layer"

    @cached_property
    def activation_rows(self) -> npt.NDArray[Any]:
        """The input as the LNZD meets it, [activation rows, pes]."""
        return self.prepared.rows_of(self.item or 0)

    @property
    def one_unit(self) -> float:
        """The real value of 1 in `activation_rows`: these times it are the activations (1.0 under float32)."""
        return float(np.ldexp(1.0, -self.prepared.operands.fraction_bits.get("activation", 0)))

    def activations(self, columns: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The activations of some columns as the arithmetic holds them, in real values: float64, as `columns`."""
        values: npt.NDArray[np.float64] = self.activation_rows.reshape(-1)[columns].astype(np.float64) * self.one_unit
        return values

    @classmethod
    def of(
        cls,
        source: Source,
        activations: Any = None,
        config: Config = None,
        item: int | None = None,
        outputs: bool = False,
        *,
        layer: str | int | None = None,
        recorded: bool = False,
        **opening: Unpack[Opening],
    ) -> "Subject":
        """Prepare one input of one layer. source, activations, config, recorded, opening: as in `simulate`.

        layer: which of several layers, by its name or its number from 0; the layers before it are run to get its
        input. item: which input of a batch, from 0. In fixed point a batch shares its fraction bits, so an item of a
        batch is not the same as that input alone.
        outputs: whether the accumulators' format is needed too (the clocked machine computes sums).
        Raises EieError as `simulate` does, for a layer that is not there, and an item that is missing or not there.
        """
        machine = as_config(config)
        feed = _up_to(feeds(source, activations, recorded, **opening), layer)
        *_, one = in_a_row(feed, _resident(machine), outputs)
        return cls.of_prepared(one, item)

    @classmethod
    def of_prepared(cls, prepared: Prepared, item: int | None = None) -> "Subject":
        """One input of what is prepared. Raises EieError for an item that is missing or not in the batch."""
        batch_size = len(prepared.activations)
        if item is not None:
            item = whole("item", item, 0)
        if item is None and batch_size > 1:
            raise EieError(f"activations: a batch of {batch_size} inputs; say which item, 0 to {batch_size - 1}")
        if item is not None and not 0 <= item < batch_size:
            raise EieError(f"item = {item}: the batch has {batch_size} inputs, 0 to {batch_size - 1}")
        return cls(prepared, item)

    def with_sums(self) -> "Subject":
        """The same with the accumulators' format, which timing alone does not need."""
        return replace(self, prepared=with_outputs(self.prepared))


def _resident(config: MachineConfig) -> MachineConfig:
    if config.weights != "resident":
        raise EieError(f"weights = '{config.weights}': only a machine whose weights are resident is traced")
    return config


def _up_to(fed: Sequence[Feed], layer: str | int | None) -> Feed:
    """The feed that ends with the layer that is meant."""
    known = [(feed, place) for feed in fed for place in range(len(feed.layers))]
    names = [plain(feed.layers[place]).name for feed, place in known]
    if layer is None and len(known) > 1:
        raise EieError(f"{len(known)} layers are given; a trace follows one at a time, say which: {', '.join(names)}")
    if not isinstance(layer, str | None):
        layer = whole("layer", layer, 0)
    if isinstance(layer, str):
        if layer not in names:
            raise unknown("no layer", layer, names)
        if names.count(layer) > 1:
            raise EieError(f"{names.count(layer)} layers are called '{layer}'; say which by its number, from 0")
        layer = names.index(layer)
    if not 0 <= (layer or 0) < len(known):
        raise EieError(f"layer = {layer}: there are {len(known)} layers, 0 to {len(known) - 1}")
    feed, place = known[layer or 0]
    return replace(feed, layers=feed.layers[: place + 1])
