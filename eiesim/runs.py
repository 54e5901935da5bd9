"""Runs: what an engine reports of a batch, as arrays over the inputs: 200 bytes an input, not 50 KB.

What every PE counted in every run is kept only where it is asked for (`by_pe`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import ByContent
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, TABLE, Counters, Metrics, PerPe, Run
from eiesim.errors import EieError

PER_PE = tuple(part.name for part in fields(PerPe))
"""The counters that every PE has, in the order of `Runs.over_inputs` and `by_pe`."""

OF_THE_ARRAY = ("cycles", "scan_last", *(counter.name for counter in TABLE if not counter.per_pe))
COUNTED = (*OF_THE_ARRAY, *PER_PE)
"""What is counted of a run, in the order of `Runs.counted`."""

LATER = ("counted", "over_inputs", "by_pe")
"""The parts of `Runs` that are counters."""

MOST = PER_PE.index("max_occupancy")

BY_PE_UP_TO = 1000
"""Batches of more inputs keep what every PE counted only where that is asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class Runs(ByContent):
    """Each input's run through one layer. `runs[k]` is a `Run`, `len(runs)` counts them, and a loop goes through them.

    counted: int64[counts, batch], rows as in COUNTED; those of PER_PE are sums over PEs, `max_occupancy` the largest.
    over_inputs: int64[counts, pes], rows as in PER_PE; sums over the batch, `max_occupancy` the largest.
    by_pe: int64[batch, counts, pes], as in PER_PE; None where it was not kept.
    sums: [batch, rows], the accumulators at the end; None where only the timing was asked for, or they were not kept.
    """

    counted: npt.NDArray[np.int64]
    over_inputs: npt.NDArray[np.int64]
    by_pe: npt.NDArray[np.int64] | None
    sums: npt.NDArray[Any] | None

    @classmethod
    def of(cls, runs: Sequence[Run], by_pe: bool = True) -> "Runs":
        """Runs that an engine made one by one. by_pe: whether what every PE counted is kept."""
        every = np.concatenate([getattr(run.per_pe, name) for run in runs for name in PER_PE], dtype=np.int64)
        every = every.reshape(len(runs), len(PER_PE), -1)
        array = np.array([[int(getattr(run, name)) for run in runs] for name in OF_THE_ARRAY], np.int64)
        totals, over_inputs = every.sum(axis=2), every.sum(axis=0)
        totals[:, MOST], over_inputs[MOST] = every[:, MOST].max(axis=1), every[:, MOST].max(axis=0)
        sums = [run.sums for run in runs if run.sums is not None]
        kept = every if by_pe else None
        return cls(np.concatenate([array, totals.T]), over_inputs, kept, np.stack(sums) if sums else None)

    @classmethod
    def of_one(cls, cycles: int, sums: npt.NDArray[Any] | None, run: Callable[[], Run], by_pe: bool = True) -> "Runs":
        """One input's run, whose counters are put together when one of them is first asked for. run: gives it."""
        runs = object.__new__(cls)
        vars(runs).update(sums=None if sums is None else sums[None], cycles=cycles, _later=(run, by_pe))
        return runs

    if not TYPE_CHECKING:  # fields that `of_one` left out

        def __getattr__(self, name: str) -> Any:
            held = vars(self)
            later = held.get("_later")
            if name in LATER and later is not None:
                run, by_pe = later
                made = Runs.of([run()], by_pe)
                held.update({key: getattr(made, key) for key in LATER})
                held.pop("_later", None)  # What is needed for counting is freed; another thread may have been here.
            if name in held:
                return held[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def cycles(self) -> int:
        """Of all inputs together."""
        return int(self.each("cycles").sum())

    @classmethod
    def none(cls, inputs: int, pes: int, by_pe: bool) -> "Runs":
        """Runs in which nothing happened, because there was nothing to load."""
        counted, over = np.zeros((len(COUNTED), inputs), np.int64), np.zeros((len(PER_PE), pes), np.int64)
        return cls(counted, over, np.zeros((inputs, len(PER_PE), pes), np.int64) if by_pe else None, None)

    @classmethod
    def joined(cls, parts: Sequence["Runs"]) -> "Runs":
        """The runs of a batch's parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        over_inputs = np.sum([part.over_inputs for part in parts], axis=0)
        over_inputs[MOST] = np.max([part.over_inputs[MOST] for part in parts], axis=0)
        by_pe = [part.by_pe for part in parts if part.by_pe is not None]
        sums = [part.sums for part in parts if part.sums is not None]
        return cls(
            np.concatenate([part.counted for part in parts], axis=1),
            over_inputs,
            np.concatenate(by_pe) if by_pe else None,
            np.concatenate(sums) if sums else None,
        )

    def then(self, later: "Runs") -> "Runs":
        """The same inputs' runs of two tiles as one: all added up, the fullest queue the fuller one's."""
        counted, over_inputs = self.counted + later.counted, self.over_inputs + later.over_inputs
        most = COUNTED.index("max_occupancy")
        np.maximum(self.counted[most], later.counted[most], out=counted[most])
        np.maximum(self.over_inputs[MOST], later.over_inputs[MOST], out=over_inputs[MOST])
        by_pe = None
        if self.by_pe is not None and later.by_pe is not None:
            by_pe = self.by_pe + later.by_pe
            np.maximum(self.by_pe[:, MOST], later.by_pe[:, MOST], out=by_pe[:, MOST])
        return Runs(counted, over_inputs, by_pe, later.sums)

    def without_sums(self) -> "Runs":
        """The same without the accumulators."""
        return self if self.sums is None else replace(self, sums=None)

    def with_dropped(self, dropped: npt.NDArray[np.int64]) -> "Runs":
        """The same where the threshold took so many inputs, int64[batch]; no engine counts them."""
        counted = self.counted.copy()
        counted[COUNTED.index("dropped_activations")] = dropped
        return replace(self, counted=counted)

    def __len__(self) -> int:
        return int(self.counted.shape[1])

    def __getitem__(self, number: int) -> Run:
        by_pe = self._kept()[number]
        array = dict(zip(OF_THE_ARRAY, self.counted[: len(OF_THE_ARRAY), number].tolist(), strict=True))
        per_pe = PerPe(**dict(zip(PER_PE, by_pe, strict=True)))
        return Run(per_pe=per_pe, sums=None if self.sums is None else self.sums[number], **array)

    def __iter__(self) -> Iterator[Run]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"<Runs of {len(self):,} inputs on {self.over_inputs.shape[1]:,} PEs>"

    def _kept(self) -> npt.NDArray[np.int64]:
        if self.by_pe is None:
            raise EieError(
                f"a batch of {len(self):,} inputs keeps no counters by PE and input; simulate(..., per_pe=True) keeps "
                f"them (without it, batches of up to {BY_PE_UP_TO:,} do)"
            )
        return self.by_pe

    @property
    def per_pe(self) -> PerPe:
        """Counters by input and PE, int64[batch, pes]. Raises EieError where they were not kept."""
        by_pe = self._kept()
        return PerPe(**{name: by_pe[:, k] for k, name in enumerate(PER_PE)})

    @property
    def per_pe_over_inputs(self) -> PerPe:
        """Counters by PE, int64[pes], of all inputs together."""
        return PerPe(**dict(zip(PER_PE, self.over_inputs, strict=True)))

    def each(self, name: str) -> npt.NDArray[np.int64]:
        """One of COUNTED by input, int64[batch]."""
        row: npt.NDArray[np.int64] = self.counted[COUNTED.index(name)]
        return row

    def metrics(
        self, dense_macs: int, config: MachineConfig, waiting_cycles: int = 0, loaded_bytes: int = 0
    ) -> Metrics:
        """All inputs of a layer of `dense_macs` weights added up. waiting_cycles, loaded_bytes: of streamed ones."""
        totals = {name: int(self.each(name).sum()) for name in COUNTERS}
        totals["max_occupancy"] = int(self.each("max_occupancy").max())
        return Metrics(
            runs=len(self),
            cycles=self.cycles + waiting_cycles,
            scan_last=int(self.each("scan_last").sum()),
            counters=Counters(**totals),
            dense_macs=dense_macs,
            config=config,
            loaded_bytes=loaded_bytes,
        )

    def metrics_of_each(
        self, dense_macs: int, config: MachineConfig, waiting_cycles: float = 0, loaded_bytes: float = 0
    ) -> Metrics:
        """Every input's own at once, as arrays over the inputs. waiting_cycles, loaded_bytes: of each input."""
        return Metrics(
            runs=1,
            cycles=self.each("cycles") + waiting_cycles,
            scan_last=self.each("scan_last"),
            counters=Counters(**{name: self.each(name) for name in COUNTERS}),
            dense_macs=dense_macs,
            config=config,
            loaded_bytes=loaded_bytes,
        )
