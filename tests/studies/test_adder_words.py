"""docs/adder.md: made of its rows, and nothing is said that they do not bear out."""

import eiesim
from studies import adder, resumable

ROWS = resumable.read(resumable.DOCS / "adder" / "energy.csv", adder.COLUMNS)


def words(rows):
    return " ".join(adder.page_of(rows).split())


def changed(column, operation, factor, only=None):
    """The rows with one operation's figures of a column multiplied."""
    return [
        {**row, column: str(float(row[column]) * factor)}
        if row["operation"] == operation and (only is None or row["layer"] == only)
        else row
        for row in ROWS
    ]


def test_the_page_is_its_rows():
    assert (resumable.DOCS / "adder.md").read_text(encoding="utf-8") == adder.page_of(ROWS)


def test_the_rows_are_all_there_in_order_and_are_what_a_run_gives():
    assert [(row["layer"], row["operation"]) for row in ROWS] == adder.cells()
    for cell in (("NT-We", "multiply"), ("NT-We", "adder")):
        (again,) = adder.work(cell)
        (row,) = (row for row in ROWS if (row["layer"], row["operation"]) == cell)
        assert {name: str(value) for name, value in again.items()} == row


def test_totals_are_sums_and_only_the_arithmetic_unit_differs():
    for row in ROWS:
        parts = sum(float(row[f"{module}_uj"]) for module in adder.MODULES)
        assert abs(parts - float(row["total_uj"])) < 1e-9 * parts
    found = adder.Found(ROWS)
    for layer in found.layers:
        for column in adder.COLUMNS[2:]:
            if column not in ("terms_uj", "arithm_unit_uj", "total_uj"):
                assert found.of(layer, "adder", column) == found.of(layer, "multiply", column), column
        spared = found.of(layer, "multiply", "terms_uj") - found.of(layer, "adder", "terms_uj")
        # 0.6 pJ become two times 0.05 (energy.md); the rest is the narrower register.
        assert abs(spared - 0.5e-6 * found.of(layer, "adder", "macs")) < 1e-9 * spared
        assert spared < found.of(layer, "multiply", "total_uj") - found.of(layer, "adder", "total_uj") < 1.4 * spared


def test_words_follow_the_figures():
    for said in ("Little:", "are the same, so time is too", "What remains is memory", "could save no more than",
                 "An adder network's saving is large where", "Least is saved where pointers"):  # fmt: skip
        assert said in words(ROWS), said
    assert "Little:" not in words(changed("total_uj", "adder", 2))
    assert "so time is too" not in words(changed("cycles", "adder", 1.1, "NT-We"))
    assert "What remains is memory" not in words(changed("memory_uj", "adder", 0.1))
    for gone in ("could save no more than", "An adder network's saving is large where"):
        assert gone not in words(changed("terms_uj", "multiply", 5)), gone
    assert "Least is saved where pointers" not in words(changed("ptr_read_uj", "multiply", 0.1))


def test_the_share_that_remains_is_computed():
    spent = {
        operation: sum(float(row["memory_uj"]) for row in ROWS if row["operation"] == operation)
        / sum(float(row["total_uj"]) for row in ROWS if row["operation"] == operation)
        for operation in adder.OPERATIONS
    }
    told = f"take {100 * spent['adder']:.1f} % of what adder units leave, and {100 * spent['multiply']:.1f} % before"
    assert told in words(ROWS)
    assert eiesim.MachineConfig().operation == "multiply"
