"""A layer as stored and with its rows balanced over the PEs: what each order costs, and what it loses to each cause."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief, Plotted, counted, html_table
from eiesim.arithmetic import rest_of
from eiesim.balancing.causes import Losses, attribute
from eiesim.balancing.order import balanced_order, permute_rows, unpermute
from eiesim.config import MachineConfig
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer
from eiesim.layer_result import LayerResult
from eiesim.prepared import Prepared, interleaved_for
from eiesim.reach import Reach, reach
from eiesim.simulation import DEFAULT_ENGINE, simulate_prepared

if TYPE_CHECKING:
    import pandas as pd


SAME = 0.01
"""Orders of rows whose cycles differ by no more of them are alike."""


@dataclass(frozen=True, eq=False, repr=False)
class Assignment(Brief):
    """A layer with its rows in some order on the machine, simulated.

    order: int64[rows]; place r of this layer holds the original's row order[r]. None is the order as stored.
    busiest: groups of entries of the PE that has most (entries, for one multiplier). Over a batch it is the sum over
    the inputs.
    losses: where the cycles went.
    """

    name: str
    layer: CompressedLayer
    order: npt.NDArray[np.int64] | None
    result: LayerResult
    busiest: int
    losses: Losses

    @property
    def cycles(self) -> int:
        """Cycles, over a batch summed."""
        return int(self.result.metrics.cycles)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: cycles and times are sums over the batch; PE-cycles add up to pes x cycles x multipliers."""
        metrics, pes = self.result.metrics, self.result.config.pes
        return {
            "name": self.name,
            "cycles": metrics.cycles,
            "time_us": metrics.time_us * metrics.runs,
            "busiest_pe_entries": sum(int(run.per_pe.entries.max()) for run in self.result.runs),
            "busiest_pe_groups": self.busiest,
            "load_balance": metrics.load_balance,
            "load_balance_bound": metrics.counters.entry_groups / (self.busiest * pes) if self.busiest else 0.0,
            "pe_cycles": self.losses.to_dict(),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Balance(Plotted, Brief):
    """A layer in three orders of its rows: what `balance` gives.

    Attributes
    ----------
    config : MachineConfig
        The machine.
    batch_size : int
        Inputs in the batch; cycles and losses are sums over them.
    assignments : tuple of Assignment
        The rows as stored, balanced by the weights alone, and balanced for this very input. Each has its `name`, its
        `result`, its `order` (int64[rows]; None as stored), its `cycles` and its `losses` in PE-cycles by cause.
    reach : Reach
        Of the rows as stored, how many PEs have work on a broadcast: `most` and `mean`; the bias's is left out.
    """

    config: MachineConfig
    batch_size: int
    assignments: tuple[Assignment, ...]
    reach: Reach

    def __repr__(self) -> str:
        tried = ", ".join(
            f"{one.cycles:,}{' cycles' if one is self.assignments[0] else ''} {one.name}{self._gain(one)}"
            for one in self.assignments
        )
        return f"<Balance of {self._subject}: {tried}>"

    def _repr_html_(self) -> str:
        heads = ("order of rows", "cycles", "against as stored", "load balance", *self.assignments[0].losses.to_dict())
        rows = []
        for one in self.assignments:
            losses = [f"{lost / one.losses.total:.1%}" if lost else "0" for lost in one.losses.to_dict().values()]
            balance = f"{one.result.load_balance:.1%}"
            rows.append((one.name, f"{one.cycles:,}", self._gain(one).strip(" ()") or "-", balance, *losses))
        words = [head.replace("_", " ") for head in heads]
        return html_table(f"{self._subject}: simulated cycles, and shares of PE-cycles by cause", words, rows)

    def to_frame(self) -> "pd.DataFrame":
        """What each order of the rows comes to.

        Returns
        -------
        pandas.DataFrame
            A row an order: `order`, `cycles`, `time_us` (sums over the batch), `load_balance`, and PE-cycles by cause,
            such as `lost_finite_queues`; these add up to `pe_cycles`.
        """
        import pandas as pd

        rows = []
        for one in self.assignments:
            told = one.to_dict()
            lost = {cause: cause if cause in ("work", "padding") else f"lost_{cause}" for cause in told["pe_cycles"]}
            losses = {lost[cause]: pe_cycles for cause, pe_cycles in told["pe_cycles"].items()}
            known = {key: told[key] for key in ("cycles", "time_us", "load_balance")}
            rows.append({"order": one.name, **known, **losses, "pe_cycles": one.losses.total})
        return pd.DataFrame(rows)

    @property
    def sentence(self) -> str:
        """Why a depthwise convolution is badly balanced; empty for any other layer, and where nothing is sent."""
        first, reached = self.assignments[0], self.reach
        if not first.layer.depthwise or not reached.broadcasts:
            return ""
        aside = "" if first.layer.bias_codes is None else ", the bias's aside"
        orders = [one.cycles for one in self.assignments]
        alike = max(orders) - min(orders) <= SAME * first.cycles
        return (
            f"{first.layer.name} is depthwise: an input meets only the weights of its own channel, so that "
            f"{reached.words} ({reached.mean:.2f} on the mean){aside}; load balance is {first.result.load_balance:.1%}"
            f"{', and no order of rows changes that' if alike else ''}."
        )

    @property
    def _subject(self) -> str:
        several = f", sum of {self.batch_size:,} inputs" if self.batch_size > 1 else ""
        return f"{self.assignments[0].layer.name} on {counted(self.config.pes, 'PE')}{self.config.variant}{several}"

    def _gain(self, one: Assignment) -> str:
        first = self.assignments[0]
        return "" if one is first or not first.cycles else f" ({one.cycles / first.cycles - 1:+.1%})"

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON.

        Returns
        -------
        dict of str to Any
            `layer`, `pes`, `inputs`, and of each assignment its cycles, load balance and PE-cycles by cause. Of a
            depthwise convolution also its `sentence` and `reach`.
        """
        return {
            "layer": self.assignments[0].layer.name,
            "pes": self.config.pes,
            "inputs": self.batch_size,
            "assignments": [one.to_dict() for one in self.assignments],
            **({"sentence": self.sentence, "reach": self.reach._asdict()} if self.sentence else {}),
        }


def balance(prepared: Prepared, engine: str = DEFAULT_ENGINE) -> Balance:
    """Attribute a layer's cycles to causes, as stored and with its rows balanced over the PEs.

    Each order of rows is simulated with its outputs. Put back in the original order, the outputs must equal the
    original's bit for bit; this is checked, with a RuntimeError if they do not. Stochastic rounding draws by a row's
    number, so there they may differ.
    """
    config, layer = prepared.config, prepared.plain
    if config.weights != "resident":
        raise EieError(f"weights = '{config.weights}': balance tells where the cycles of resident weights go")
    inputs = len(prepared.activations)
    times_sent: npt.NDArray[np.int64] = np.count_nonzero(prepared.operands.activations, axis=0)
    kinds = {
        "as stored": None,
        "by weights": balanced_order(layer, config.pes, mapping=config.mapping),
        "for this input": balanced_order(layer, config.pes, times_sent, inputs, config.mapping),
    }
    tried = [_try(name, prepared, order, engine) for name, order in kinds.items()]
    for one in tried[1:] if config.rounding != "stochastic" else []:
        assert one.order is not None
        assert one.result.outputs is not None
        back = unpermute(one.result.outputs, one.order)
        if back.tobytes() != np.ascontiguousarray(tried[0].result.outputs).tobytes():
            raise RuntimeError(f"{layer.name}: outputs of '{one.name}', un-permuted, differ from the original's")
    return Balance(config, inputs, tuple(tried), reach(prepared.layer, times_sent))


def _try(name: str, prepared: Prepared, order: npt.NDArray[np.int64] | None, engine: str) -> Assignment:
    if order is not None:
        # A row's place changes no operand: codebook, activations and formats are the whole layer's. What adder units
        # hold by row, and sums, change places too; both are added up anew.
        placed, operands = interleaved_for(permute_rows(prepared.plain, order), prepared.config), prepared.operands
        rest = None if operands.rest is None else rest_of(placed.layer, operands.codebook)
        prepared = replace(prepared, layer=placed, operands=replace(operands, sums=None, rest=rest))
    result = simulate_prepared(prepared, engine)
    losses, busiest = attribute(prepared, result.runs)
    return Assignment(name, prepared.plain, order, result, busiest, losses)
