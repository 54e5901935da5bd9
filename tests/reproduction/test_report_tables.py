"""The report's tables say an item's figures, each under its heading."""

import re
from types import SimpleNamespace

from eiesim.reproduction.grids import grids
from eiesim.reproduction.items import Claim, ItemRow, PaperItem, Spread
from eiesim.reproduction.page import _table


def lines(html):
    """Cells of each row, as text; `|` stands where a smaller line begins within a cell."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html)
    return [
        [re.sub(r"<[^>]+>", "", cell.replace('<span class="range">', "|")).replace("&nbsp;", " ")
         for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]  # fmt: skip


def test_published_ours_and_errors_of_each_series():
    rows = (
        ItemRow("NT-We", "time, µs", 8.0, {"one": Spread(10.0, 9.0, 12.0, 3), "other": Spread.once(6.0)}, at="b 1"),
        ItemRow("NT-Wd", "time, µs", 4.0, {"one": Spread.once(4.4)}, published_basis="derived", note="a note"),
        ItemRow("NT-We", "energy, µJ", None, {"other": Spread.once(1234.5)}, "estimated"),
        ItemRow("NT-We", "a figure put in", 2.0, {"one": Spread.once(2.0)}, "input"),
    )
    item = PaperItem("table_4", "Table IV", "time", rows, ("one", "other"))
    assert lines(_table(item)) == [
        ["", "", "published", "one", "error", "other", "error", "note"],
        ["time, µs (ours: simulated)"],
        ["NT-We", "b 1", "8", "10|9 to 12", "+25.0%", "6", "-25.0%", ""],
        ["NT-Wd", "", "4|derived", "4.40", "+10.0%", "", "", "a note"],
        ["energy, µJ (ours: estimated)"],
        ["NT-We", "", "", "", "", "1,234", "", ""],
        ["a figure put in (ours: input)"],
        ["NT-We", "", "2", "2", "", "", "", ""],
    ]


def test_errors_beyond_ten_per_cent_are_marked():
    near, far = (
        _table(PaperItem("a", "A", "", (ItemRow("x", "y", 10.0, {"one": Spread.once(ours)}),), ("one",)))
        for ours in (10.9, 8.9)
    )
    assert 'class="number far">-11.0%' in far
    assert "far" not in near


def test_tables_for_a_paper_have_a_row_a_figure():
    rows = (
        ItemRow("NT-We", "time, µs", 8.0, {"one": Spread(10.0, 9.0, 12.0, 3), "other": Spread.once(6.0)}, at="batch 1"),
        ItemRow("NT-Wd", "energy, µJ", None, {"other": Spread.once(1234.5)}, "estimated"),
        ItemRow("NT-Wd", "platform", "none", {}, "input"),
    )
    empty = PaperItem("table_2", "Table II", "", (), ())
    claim = Claim("it is fast", "yes", "yes", "agrees")
    found = SimpleNamespace(items=(PaperItem("fig_6", "Fig. 6", "time", rows, ("one", "other")), empty), claims=[claim])
    made = dict(grids(found))  # type: ignore[arg-type]
    assert list(made) == ["fig_6", "claims"]
    assert made["fig_6"].title == "Fig. 6: time; ours: simulated, estimated"
    assert made["fig_6"].heads == ("", "", "published", "one", "error", "other", "error")
    assert made["fig_6"].rows == (
        ("NT-We", "time, µs: batch 1", "8", "10", "+25.0%", "6", "-25.0%"),
        ("NT-Wd", "energy, µJ", "", "", "", "1,234", ""),
        ("NT-Wd", "platform", "none", "", "", "", ""),
    )
    assert made["claims"].rows[0][:3] == ("it is fast", "yes", "yes")
