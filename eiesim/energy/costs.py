"""What every event costs: the list that the activity model multiplies by a run's counts, and `energy_table` shows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from eiesim._shown import Plotted, counted, html_table
from eiesim.capacity import REGISTER_FILE_ACTIVATIONS
from eiesim.config import MachineConfig, as_config
from eiesim.counters import Metrics
from eiesim.energy.events import EnergyTable, array_energies, array_sources, default_table, source_of
from eiesim.energy.record import DRAM
from eiesim.energy.structure import (
    ARRAYS,
    CYCLE,
    NEVER,
    OPERAND_BITS,
    POINTER_BANKS,
    ROW,
    lnzd_nodes,
    queue_word_bits,
    registers,
)
from eiesim.paper.source import LNZD

if TYPE_CHECKING:
    import pandas as pd

SCANNED, PAGED_IN, PAGED_OUT = "activations_scanned", "activations_paged_in", "activations_paged_out"
COLUMNS = ("event", "module", "energy_pj", "source")


@dataclass(frozen=True)
class Cost:
    """What one event costs in one module.

    event: what is counted, see `counts`. module, component: of EIE Table II, the LNZD, or DRAM.
    units, unit_pj: the event is so many units (register bits, banks, nodes) of so many picojoules each.
    source: where `unit_pj` comes from.
    """

    event: str
    module: str
    component: str
    unit_pj: float
    source: str
    units: int = 1

    @property
    def energy_pj(self) -> float:
        """Picojoules of one event."""
        return self.units * self.unit_pj


def counts(metrics: Metrics, rows: int, cols: int) -> dict[str, float]:
    """How often each event happened, in all PEs and runs of a layer of rows x cols.

    Counters by their own names; `pe_cycles`: cycles x PEs; `scan_last`: cycles of the scan; `activation_rows_taken`: by
    every PE; `activations_scanned`: inputs read by the scan; `activations_paged_in`, `activations_paged_out`: those
    that pass through the activation SRAM, because a vector is longer than the register files; `loaded_bytes`: of
    streamed weights.
    """
    pes, runs = metrics.config.pes, metrics.runs
    return {
        **vars(metrics.counters),
        CYCLE: metrics.cycles * pes,
        ROW: -(-cols // pes) * pes * runs,
        "scan_last": metrics.scan_last,
        SCANNED: cols * runs,
        PAGED_IN: _paged(cols, pes) * runs,
        PAGED_OUT: _paged(rows, pes) * runs,
        "loaded_bytes": metrics.loaded_bytes,
    }


def _paged(length: int, pes: int) -> int:
    """How many activations pass through the activation SRAM: all if they exceed the register files, else none."""
    return length if length > REGISTER_FILE_ACTIVATIONS * pes else 0


@lru_cache(maxsize=256)
def dynamic_costs(config: MachineConfig, table: EnergyTable) -> tuple[Cost, ...]:
    """What events cost, leakage and DRAM left out. The clock's part is by register bits, see `structure.registers`."""
    pj = table.pj
    spmat, pointer, activation = (array_energies(array, config, table) for array in ARRAYS)
    of_spmat, of_pointer, of_activation = (array_sources(array, config, table) for array in ARRAYS)
    value, word = OPERAND_BITS[config.arithmetic] * pj.register_bit, queue_word_bits(config) * pj.register_bit
    multiply, add = f"multiply_{config.arithmetic}", f"add_{config.arithmetic}"
    if config.operation == "adder":  # Twice the smaller magnitude: a comparison and a selection, as two additions.
        term_pj, of_term = 2 * getattr(pj, add), f"estimated, a term as two additions: {source_of(add, table)}"
    else:
        term_pj, of_term = getattr(pj, multiply), source_of(multiply, table)
    term_add, of_both = term_pj + getattr(pj, add), f"{of_term}; {source_of(add, table)}"
    file = source_of("register_bit", table)
    return (
        Cost("queue_pushes", "act_queue", "register", word, file),
        Cost("queue_pops", "act_queue", "register", word, file),
        Cost("pointer_reads", "ptr_read", "memory", pointer[0], of_pointer[0], POINTER_BANKS),
        Cost("spmat_row_reads", "spmat_read", "memory", spmat[0], of_spmat[0]),
        Cost("entries", "arithm_unit", "register", value, f"codebook, as a {file}"),
        Cost("macs", "arithm_unit", "combinational", term_add, of_both),
        Cost("entries", "arithm_unit", "combinational", pj.row_add, f"row, {source_of('row_add', table)}"),
        *(
            Cost(event, "act_rw", "register", value, file)
            for event in ("accumulator_reads", "accumulator_writes", SCANNED, PAGED_IN)
        ),
        Cost(PAGED_IN, "act_rw", "memory", activation[0], of_activation[0]),
        Cost(PAGED_OUT, "act_rw", "memory", activation[1], of_activation[1]),
        Cost("scan_last", LNZD, LNZD, pj.lnzd_node, source_of("lnzd_node", table), lnzd_nodes(config.pes)),
        *(
            Cost(event, group.module, "clock_network", pj.clock_bit, source_of("clock_bit", table), group.clocked)
            for group in registers(config)
            for event in group.events
            if event != NEVER
        ),
    )


def leakage_mw(config: MachineConfig, table: EnergyTable) -> dict[str, float]:
    """Leakage of one PE by module."""
    spmat, pointer, activation = (array_energies(array, config, table)[2] for array in ARRAYS)
    return {"ptr_read": POINTER_BANKS * pointer, "spmat_read": spmat, "act_rw": activation}


@dataclass(frozen=True, repr=False)
class EnergyCosts(Plotted):
    """What every event costs on a machine, as `energy_table` gives it.

    Attributes
    ----------
    config : MachineConfig
        The machine.
    model : str
        The energy model: "activity", with the name of the user's table if there is one.
    costs : tuple of Cost
        A line an event, module and source: `event`, `module`, `component`, `energy_pj`, `source`.
    """

    config: MachineConfig
    model: str
    costs: tuple[Cost, ...]

    def __iter__(self) -> Iterator[Cost]:
        return iter(self.costs)

    def __len__(self) -> int:
        return len(self.costs)

    def __repr__(self) -> str:
        one = self.costs[3]
        return f"<EnergyCosts of {self.machine}: {len(self)} lines, such as {one.event} {one.energy_pj:.3g} pJ>"

    @property
    def machine(self) -> str:
        """The machine and the model in a few words."""
        return (
            f"{counted(self.config.pes, 'PE')}, {self.config.arithmetic}, {self.config.clock_mhz:g} MHz ({self.model})"
        )

    def to_frame(self) -> "pd.DataFrame":
        """The lines as a table.

        Returns
        -------
        pandas.DataFrame
            Columns `event`, `module`, `energy_pj` (float64, picojoules an event) and `source`, a row a line.
        """
        import pandas as pd

        return pd.DataFrame([[getattr(one, name) for name in COLUMNS] for one in self], columns=list(COLUMNS))

    def _repr_html_(self) -> str:
        lines = [(one.event, one.module, f"{one.energy_pj:.4g}", one.source) for one in self]
        return html_table(f"Energy an event, estimated: {self.machine}", ("event", "module", "pJ", "source"), lines)


def energy_table(config: Any = None, table: EnergyTable | None = None) -> EnergyCosts:
    """List what every event costs: the figures that `simulate` multiplies by a run's counts (the model `activity`).

    The sum over all lines of count x `energy_pj` is a run's energy. Events are counters by their names, and:
    `pe_cycles` (cycles x PEs: leakage, and registers that no clock gate stops), `scan_last`, `activations_scanned` (the
    inputs), `activations_paged_in` and `activations_paged_out` (inputs and outputs, where a vector is longer than the
    register files), `activation_rows_taken` (by every PE) and, where weights are streamed, `loaded_bytes`.

    Parameters
    ----------
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    table : EnergyTable, default None
        Figures in place of the published ones (`eiesim.load_energy_table`).

    Returns
    -------
    EnergyCosts
        The lines, with `to_frame()`.

    Raises
    ------
    EieError
        For what is no machine, and where a memory is outside the CACTI table.

    Examples
    --------
    >>> import eiesim
    >>> costs = eiesim.energy_table({"spmat_width": 128}).to_frame().set_index(["event", "module"]).energy_pj
    >>> round(float(costs["spmat_row_reads", "spmat_read"].iloc[0]), 1)
    24.6
    """
    machine, figures = as_config(config), table or default_table()
    merged: dict[tuple[str, str, str, str], Cost] = {}
    for one in dynamic_costs(machine, figures):
        known = merged.get(key := (one.event, one.module, one.component, one.source))
        merged[key] = one if known is None else replace(known, units=known.units + one.units)
    leaks = [
        Cost(CYCLE, module, "memory", milliwatts / machine.clock_mhz * 1e3, array_sources(array, machine, figures)[2])
        for (module, milliwatts), array in zip(
            leakage_mw(machine, figures).items(), ("pointer", "spmat", "activation"), strict=True
        )
    ]
    loads = [Cost("loaded_bytes", DRAM, DRAM, machine.dram_pj_per_bit, "the configuration's dram_pj_per_bit", 8)]
    streamed = machine.weights != "resident"
    model = "activity" if table is None else f"activity ({table.name})"
    return EnergyCosts(machine, model, (*merged.values(), *leaks, *(loads if streamed else ())))
