"""The flat energy table: count x cost, over all of its lines, is the energy of a run."""

import re
from pathlib import Path

import pytest

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.counters import COUNTERS
from eiesim.energy.structure import lnzd_nodes, registers
from tests.agree import random_case

PAGE = Path(__file__).parents[2] / "docs" / "energy.md"

MACHINES = {
    "published": {},
    "wide": {"spmat_width": 256, "queue_depth": 3, "arithmetic": "fixed8"},
    "lanes": {"multipliers": 4, "pes": 16},
    "streamed": {"weights": "streamed", "spmat_bytes": 8192, "pointer_bytes": 4096, "pes": 16},
    "float": {"arithmetic": "float32", "clock_mhz": 500.0, "activation_bytes": 4096},
}


def happened(layer):
    """How often each event happened, from the result JSON and the layer's shape alone."""
    found, config = layer.to_dict(), layer.config
    pes, cols, rows = config.pes, layer.cols, layer.rows
    paged = 64 * pes
    return {
        **found["counters"],
        "pe_cycles": found["cycles"] * pes,
        "scan_last": found["scan_last"],
        "activations_scanned": cols,
        "activations_paged_in": cols if cols > paged else 0,
        "activations_paged_out": rows if rows > paged else 0,
        "activation_rows_taken": -(-cols // pes) * pes,
        "loaded_bytes": found["memory"]["loaded_bytes"] / len(layer.runs),
    }


def spent_uj(frame, layer):
    """Microjoules by module: the sum over the table's lines."""
    counted = frame.event.map(happened(layer)) * frame.energy_pj * 1e-6
    return counted.groupby(frame.module).sum()


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("source", ["table3:NT-We", "example:lenet-300-100"])
def test_counts_times_costs_are_the_energy_of_a_run_by_module(name, source):
    config = MachineConfig(**MACHINES[name])
    frame = eiesim.energy_table(config).to_frame()
    for layer in eiesim.simulate(source, config=config, outputs=False).layers:
        spent = spent_uj(frame, layer)
        for module, energy in layer.energy.by_module_uj.items():
            assert spent[module] == pytest.approx(energy, rel=1e-12), (layer.name, module)
        assert spent.sum() == pytest.approx(layer.energy.total_uj, rel=1e-12)


@pytest.mark.parametrize("number", range(12))
def test_it_holds_on_random_machines(number):
    case = random_case(31, number)
    arrays = {"spmat_bytes": 131072, "pointer_bytes": 32768, "activation_bytes": 4096}  # CACTI's table has them.
    config = case.config.replace(**arrays, spmat_width=(32, 64, 100)[number % 3], output_frac="auto")
    frame = eiesim.energy_table(config).to_frame()
    layer = eiesim.simulate(case.layer, case.batch, config, outputs=False).layers[0]
    spent = spent_uj(frame, layer)
    for module, energy in layer.energy.by_module_uj.items():
        assert spent[module] == pytest.approx(energy, rel=1e-12), module


def test_a_user_s_figures_are_named(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text('name = "our 28 nm"\n[pj]\nmultiply_fixed16 = 0.3\n[sram.spmat]\nread_pj = 9.5\n')
    figures = eiesim.load_energy_table(path)
    costs = eiesim.energy_table(table=figures)
    ours = {(one.event, one.module): one.energy_pj for one in costs if "our 28 nm" in one.source}
    assert ours == {("macs", "arithm_unit"): pytest.approx(0.35), ("spmat_row_reads", "spmat_read"): 9.5}
    assert "activity (our 28 nm)" in repr(costs)
    layer = eiesim.simulate("table3:NT-We", energy_table=figures).layers[0]
    assert spent_uj(costs.to_frame(), layer).sum() == pytest.approx(layer.energy.total_uj, rel=1e-12)


def test_every_line_has_its_source_and_every_event_its_name():
    frame = eiesim.energy_table().to_frame()
    assert list(frame.columns) == ["event", "module", "energy_pj", "source"]
    assert (frame.source.str.len() > 5).all()
    assert not frame.duplicated(["event", "module", "source"]).any()
    also = {"pe_cycles", "scan_last", "activations_scanned", "activations_paged_in", "activations_paged_out"}
    assert set(frame.event) <= {*COUNTERS, *also, "activation_rows_taken"}
    assert "loaded_bytes" in set(eiesim.energy_table({"weights": "streamed"}).to_frame().event)


def test_published_figures_by_hand():
    """EIE Table I, Horowitz, Sec. VI and CACTI, one line each; the clock's register bits from the RTL."""
    config = MachineConfig()
    lines = {(one.event, one.module, one.component): one for one in eiesim.energy_table()}
    assert lines["queue_pushes", "act_queue", "register"].energy_pj == 1
    assert lines["macs", "arithm_unit", "combinational"].energy_pj == pytest.approx(0.65)
    assert lines["entries", "arithm_unit", "register"].energy_pj == 0.5
    assert lines["pointer_reads", "ptr_read", "memory"].energy_pj == pytest.approx(2 * 5.73, abs=0.01)
    assert lines["scan_last", "lnzd", "lnzd"].energy_pj == pytest.approx(lnzd_nodes(64) * 0.02875)
    bits = sum(group.clocked for group in registers(config) if group.module == "arithm_unit" and "macs" in group.events)
    assert lines["macs", "arithm_unit", "clock_network"].units == bits
    # mW at 800 MHz: a PE-cycle is 1.25 ns.
    leaks = {one.module: one.energy_pj / 1.25 for one in eiesim.energy_table() if one.source.endswith("leakage")}
    assert {name: round(mw, 2) for name, mw in leaks.items()} == {"ptr_read": 0.57, "spmat_read": 2.08, "act_rw": 0.04}


def test_it_is_shown_in_a_line_and_as_a_table():
    costs = eiesim.energy_table()
    assert repr(costs) == (
        f"<EnergyCosts of 64 PEs, fixed16, 800 MHz (activity): {len(costs)} lines, such as spmat_row_reads 17.7 pJ>"
    )
    html = costs._repr_html_()
    assert html.count("<tr>") == len(costs) + 1
    assert "CACTI 7, itrs-lop, 131,072 bytes of 64 bits: read" in html


def test_a_memory_outside_the_table_of_srams_is_refused():
    with pytest.raises(EieError, match=r"spmat SRAM: .*outside the CACTI table"):
        eiesim.energy_table({"spmat_bytes": 2**30})
    with pytest.raises(EieError, match="pse"):
        eiesim.energy_table({"pse": 3})


def test_the_page_s_figures_are_the_table_s():
    """docs/energy.md, "What an event costs": each figure in picojoules is an energy of its event."""
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index("## What an event costs") : page.index("The figures are those of the published")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| ")]
    costs = [(one.module, one.event, one.unit_pj) for one in eiesim.energy_table()]
    shown = 0
    for module, event, energy, _ in rows:
        names = set(re.findall(r"`(\w+)`", event))
        for figure in re.findall(r"(?:× )?(\d+\.?\d*) (?:\+ [\d.]+ )?pJ", energy):
            if not names:
                continue
            close = [pj for of, name, pj in costs if of == module and name in names]
            digits = len(figure.partition(".")[2])
            added = re.search(r"([\d.]+) \+ ([\d.]+) pJ", energy)
            wanted = sum(map(float, added.groups())) if added else float(figure)
            assert any(round(pj, max(digits, 2) if added else digits) == pytest.approx(wanted) for pj in close), event
            shown += 1
    assert shown >= 5
