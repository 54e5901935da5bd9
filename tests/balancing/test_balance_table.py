"""The balance's table says each order's own cycles, causes and gains: made up here, no two of them alike."""

from types import SimpleNamespace

from eiesim.balancing.terminal import CAUSES, balance_table
from eiesim.config import MachineConfig


def assignment(name, cycles, busiest, **losses):
    held = {**dict.fromkeys(CAUSES, 0), **losses}
    return SimpleNamespace(
        name=name, cycles=cycles, busiest=busiest, layer=SimpleNamespace(name="fc"),
        losses=SimpleNamespace(total=sum(held.values()), to_dict=lambda: held),
        to_dict=lambda: {"load_balance": busiest / 1000, "load_balance_bound": busiest / 500},
    )  # fmt: skip


def test_each_order_has_its_own_column():
    """By hand: four PEs; 100 of 400 PE-cycles are a quarter, and 25 cycles."""
    tried = (
        assignment("as stored", 100, 90, work=100, padding=20, static_imbalance=40, empty_columns=240),
        assignment("by weights", 80, 70, work=160, scan_bubbles=80, start_and_drain=80),
        assignment("for this input", 50, 30, work=150, finite_queues=50),
    )
    table = balance_table(SimpleNamespace(config=MachineConfig(pes=4), batch_size=2, assignments=tried))
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    found = {name: tuple(" ".join(cell.split()) for cell in cells) for name, *cells in rows}
    assert found == {
        "work: real entries": ("25.0 25.0%", "40.0 50.0%", "37.5 75.0%"),
        "work: padding": ("5.0 5.0%", "0.0 0.0%", "0.0 0.0%"),
        "lost: static imbalance": ("10.0 10.0%", "0.0 0.0%", "0.0 0.0%"),
        "lost: empty columns": ("60.0 60.0%", "0.0 0.0%", "0.0 0.0%"),
        "lost: scan bubbles": ("0.0 0.0%", "20.0 25.0%", "0.0 0.0%"),
        "lost: start and drain": ("0.0 0.0%", "20.0 25.0%", "0.0 0.0%"),
        "lost: finite queues": ("0.0 0.0%", "0.0 0.0%", "12.5 25.0%"),
        "cycles": ("100 100.0%", "80 100.0%", "50 100.0%"),
        "against as stored": ("", "-20.00%", "-50.00%"),
        "busiest PE's entries": ("90", "70", "30"),
        "load balance": ("9.0%", "7.0%", "3.0%"),
        "at most, by busiest PE": ("18.0%", "14.0%", "6.0%"),
    }
    assert [str(column.header) for column in table.columns] == [
        "order of rows:", "as stored", "by weights", "for this input",
    ]  # fmt: skip
    assert table.title == "fc on 4 PEs, queue depth 8: where the cycles go, sum of 2 inputs (simulated)"
