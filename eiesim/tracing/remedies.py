"""What would help a layer: changes of the machine or of the layer, each simulated, with time and energy.

A remedy takes one cause away, and so names it: what gains most is what bounds the layer (`tracing.verdict`). Sizes
change how many PEs there are and take no cause away. All are runs of the recurrences of docs/machine.md on the same
input. Three are of machines that there are not, so that only their cycles are another machine's and their events are
those of the layer as it is:

two columns a cycle   The LNZD sends two non-zeros in a cycle where no bubble stands between them; a place of a queue
                      holds both, of half as many places (of two, two: with one no queue keeps up), and PointerRead
                      reads both columns' pointers in one cycle. A pair takes as many cycles as it has entries (groups),
                      at least one.
no scan bubbles       The LNZD spends no cycle on finding that its activation row holds no further non-zero.
inputs back to back   The same input follows at once: the cycles that it adds.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from eiesim._shown import counted
from eiesim.balancing.order import balanced_order, permute_rows
from eiesim.config import MachineConfig
from eiesim.energy.model import DEFAULT_MODEL, energy_model
from eiesim.engines import recurrence
from eiesim.errors import EieError
from eiesim.prepared import Prepared, interleaved_for
from eiesim.runs import Runs
from eiesim.tracing.subject import Subject
from eiesim.tracing.timeline import Timeline, follow, timeline

COLUMNS, WORK, ONE_PE, QUEUES, PADDING, BUBBLES, ENDS = CAUSES = (
    "one column a cycle", "work", "one PE's work", "queues", "padding", "scan bubbles", "start and drain",
)  # fmt: skip

MOST_INDEX_BITS = 8
NEAR = 1.01
"""Queues are deep enough where endless ones would make the layer at most so many times as fast."""


@dataclass(frozen=True)
class Change:
    """A layer on a machine, simulated. what: the change. cause: which of `CAUSES` it takes away; empty for none.

    settings: the keys that make it, for `--set`; None where no configuration does. energy_uj: estimated; None where the
    energy model does not cover the machine.
    """

    what: str
    cause: str
    settings: dict[str, Any] | None
    cycles: int
    time_us: float
    energy_uj: float | None

    @property
    def energy_delay_uj_us(self) -> float | None:
        """Energy times time, in microjoules x microseconds."""
        return None if self.energy_uj is None else self.energy_uj * self.time_us

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "energy_delay_uj_us": self.energy_delay_uj_us}


def changes(subject: Subject) -> Iterator[Change]:
    """The layer as it is, then with every change that makes sense for it."""
    one = _one_input(subject)
    config, events, pointers = subject.config, timeline(subject), subject.job.walk_pointers
    places = min(config.queue_depth, len(events.columns) + 1)
    yield _simulated("as it is", "", one, {})
    if len(events.columns):
        twice = _two_columns(events, config, pointers)
        yield _simulated("two columns a cycle", COLUMNS, one, None, twice.cycles, twice.scan_last)
    if config.pes > 1:
        yield _simulated("rows balanced by their weights", ONE_PE, _balanced(one), {})
    if events.stall.any():
        yield _deeper(one, events, pointers)
    if events.bubbles.any():
        none = follow(events.columns, np.zeros_like(events.bubbles), places, pointers)
        yield _simulated("no scan bubbles", BUBBLES, one, None, none.cycles, none.scan_last)
    if subject.layer.has_padding and config.index_bits < MOST_INDEX_BITS:
        wider = range(min(2 * config.index_bits, MOST_INDEX_BITS), MOST_INDEX_BITS + 1)
        yield from _first(one, "index of {index_bits} bits", PADDING, "index_bits", wider)
    if len(events.columns):
        yield _simulated("inputs back to back", ENDS, one, None, _added(events, config.queue_depth, pointers))
    more = list(range(config.multipliers + 1, config.entries_per_row + 1))
    lanes = list(_first(one, "{multipliers} multipliers a PE", WORK, "multipliers", more))
    yield from lanes
    for pes, cause in ((config.pes // 2, ""), (config.pes * 2, "" if lanes else WORK)):
        yield from _first(one, counted(pes, "PE"), cause, "pes", [pes])


def _one_input(subject: Subject) -> Prepared:
    """What is prepared, of the one input alone."""
    item, prepared = subject.item or 0, subject.prepared
    own = slice(item, item + 1)
    return replace(prepared, activations=prepared.activations[own], operands=prepared.operands.part(own), outputs=False)


def _on(one: Prepared, config: MachineConfig) -> Prepared:
    return replace(one, config=config, layer=interleaved_for(one.plain, config))


def _balanced(one: Prepared) -> Prepared:
    rows = permute_rows(one.plain, balanced_order(one.plain, one.config.pes, mapping=one.config.mapping))
    return replace(one, layer=interleaved_for(rows, one.config))


def _first(one: Prepared, what: str, cause: str, key: str, values: Any) -> Iterator[Change]:
    """The first of a key's values that makes a machine, simulated."""
    for value in values:
        try:
            config = one.config.replace(**{key: value})
        except EieError:
            continue
        yield _simulated(what.format(**{key: value}), cause, _on(one, config), {key: value})
        return


def _simulated(
    what: str,
    cause: str,
    one: Prepared,
    settings: dict[str, Any] | None,
    cycles: int | None = None,
    scan_last: int | None = None,
) -> Change:
    """cycles, scan_last: of a machine that no configuration makes, whose events are this one's."""
    config, layer = one.config, one.plain
    metrics = Runs.of([recurrence.run(one.job, one.activation_rows[0])]).metrics(layer.dense_weights, config)
    if cycles is not None:
        metrics = replace(metrics, cycles=cycles, scan_last=metrics.scan_last if scan_last is None else scan_last)
    try:
        energy = energy_model(DEFAULT_MODEL, config).estimate(metrics, layer.rows, layer.cols).total_uj
    except EieError:
        energy = None
    return Change(what, cause, settings, int(metrics.cycles), metrics.time_us, energy)


def _deeper(one: Prepared, events: Timeline, pointers: Any) -> Change:
    """Queues deep enough, doubled until endless ones would be hardly better."""
    endless = len(events.columns) + 1
    best = follow(events.columns, events.bubbles, endless, pointers).cycles
    places = 2 * one.config.queue_depth
    while places < endless and follow(events.columns, events.bubbles, places, pointers).cycles > NEAR * best:
        places *= 2
    keys = {"queue_depth": places}
    return _simulated(f"queues of {places:,} places", QUEUES, _on(one, one.config.replace(**keys)), keys)


def _two_columns(events: Timeline, config: MachineConfig, pointers: Any) -> Timeline:
    """The run of a machine that sends two columns in a cycle."""
    columns, pes, places = events.columns, config.pes, max(min(config.queue_depth, 2), config.queue_depth // 2)
    # A broadcast's number since the last bubble: pairs begin at the even ones.
    number = np.arange(len(columns))
    since = number - np.maximum.accumulate(np.where(events.bubbles[:-1] > 0, number, 0))
    begins = np.flatnonzero(since % 2 == 0)
    walks = np.add.reduceat(pointers[columns + 1] - pointers[columns], begins, axis=0)
    summed = np.zeros((len(begins) + 1, pes), np.int32)
    np.cumsum(walks, axis=0, out=summed[1:])
    bubbles = np.append(events.bubbles[begins], events.bubbles[-1])
    return follow(np.arange(len(begins)), bubbles, min(places, len(begins) + 1), summed)


def _added(events: Timeline, queue_depth: int, pointers: Any) -> int:
    """The cycles that the same input adds where it follows at once."""
    bubbles, places = events.bubbles, min(queue_depth, 2 * len(events.columns) + 1)
    between = np.array([bubbles[-1] + bubbles[0]], bubbles.dtype)
    both = np.concatenate([bubbles[:-1], between, bubbles[1:]])
    return follow(np.concatenate([events.columns] * 2), both, places, pointers).cycles - events.cycles
