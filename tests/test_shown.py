"""Results and layers as a person sees and compares them: one line, a table, a DataFrame, equality by content."""

from dataclasses import fields, replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

import eiesim
from eiesim._shown import brief, same
from eiesim.inputs import open_model
from eiesim.model import Workload
from eiesim.sweeps.row import Row, columns

from .cases import random_layer

HOSTILE = "<script>alert('1')</script> & co"


@pytest.fixture(scope="module")
def layers():
    return [random_layer(1, 9, 7), random_layer(2, 5, 9)]


def batch(cols, size=3):
    values = np.random.default_rng(5).normal(size=(size, cols)).astype(np.float32)
    return np.where(values > 0, values, np.float32(0))


@pytest.fixture(scope="module")
def result(layers):
    return eiesim.simulate(layers, batch(7), eiesim.MachineConfig(pes=4))


def test_reprs_are_one_line_and_never_dump_arrays(layers, result):
    big = eiesim.workload("NT-We")
    for shown in (result, result.layers[0], layers[0], eiesim.interleave(layers[0], 4), result.per_pe,
                  result.layers[0].runs[0], Workload(*big), open_model(["table3:NT-We"]),
                  eiesim.balance(layers[0], batch(7)), eiesim.trace(layers[0], batch(7)[0]),
                  eiesim.critical_path(layers[0], batch(7)[0])):  # fmt: skip
        text = repr(shown)
        assert "\n" not in text
        assert "array(" not in text
        assert len(text) < 900, text


def test_the_repr_of_a_result_tells_what_people_ask_first(result):
    text = repr(result)
    for part in ("random 1, random 2", f"{result.time_us:.4g} µs", f"{result.load_balance:.1%}", "activity",
                 f"{result.energy.total_uj:.4g} µJ", "4 PEs", "mean of 3 inputs"):  # fmt: skip
        assert part in text
    assert repr(result.layers[0]).startswith("<LayerResult random 1, 9 x 7: ")


class Cells(HTMLParser):
    """The tags of a page and the text of its cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.rows = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and self.tags[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_the_html_table_has_a_row_a_layer_and_a_total(result):
    page = Cells()
    page.feed(result._repr_html_())
    assert [row[0] for row in page.rows] == ["layer", "random 1", "random 2", "total"]
    assert page.rows[3][4] == f"{result.load_balance:.1%}"
    assert {len(row) for row in page.rows} == {7}


def test_names_cannot_write_html(layers):
    named = replace(layers[0], name=HOSTILE)
    shown = eiesim.simulate(named, batch(7), eiesim.MachineConfig(spmat_bytes=1))._repr_html_()
    page = Cells()
    page.feed(shown)
    assert "script" not in page.tags
    assert HOSTILE in [row[0].strip() for row in page.rows]


def test_the_frame_has_a_row_a_layer_and_input(result):
    table = result.to_frame()
    assert list(table["layer"]) == ["random 1"] * 3 + ["random 2"] * 3
    assert list(table["input"]) == [0, 1, 2] * 2
    means = table.groupby("layer")[["cycles", "time_us", "energy_total_uj"]].mean()
    for layer in result.layers:
        assert means.loc[layer.name].tolist() == pytest.approx([layer.cycles, layer.time_us, layer.energy.total_uj])
    assert len(result.layers[1].to_frame()) == 3


@pytest.mark.parametrize("arithmetic", ["fixed16", "float32"])
def test_an_unbatched_frame_is_the_sweep_tables_row(layers, arithmetic):
    config = eiesim.MachineConfig(pes=4, arithmetic=arithmetic)
    activations = batch(7)[0]
    result = eiesim.simulate(layers[0], activations, config)
    row = Row.of(Workload(layers[0], activations), result.layers[0], "").cells()
    table = result.to_frame()
    assert set(columns()) - set(table) == {"seed", "variation", "activation_density", "inputs", "hash"}
    assert set(table) - set(columns()) == {"input"}
    for name in (name for name in columns() if name in table):
        held = table[name].iloc[0]
        assert row[name] == held or (row[name] is None and np.isnan(table[name].astype(float).iloc[0])), name
    assert table["cycles"].dtype == np.int64
    assert str(table["fraction_bits_output"].dtype) == "Int64"


def test_without_energy_the_frame_is_complete_and_the_result_says_why(layers):
    result = eiesim.simulate(layers[0], batch(7), eiesim.MachineConfig(spmat_bytes=2**30))
    assert result.energy is None
    (why,) = result.warnings
    assert why.startswith("no energy: spmat SRAM")
    assert "see warnings" in repr(result)
    assert why in unescape(result._repr_html_())
    table = result.to_frame()
    assert table["energy_total_uj"].isna().all()
    assert table["energy_total_uj"].dtype == np.float64
    assert set(table["warnings"]) == {"no energy"}


def test_results_are_equal_by_content(layers, result):
    again = eiesim.simulate(layers, batch(7), eiesim.MachineConfig(pes=4))
    assert again is not result
    assert again == result
    assert again.layers[0] == result.layers[0]
    assert again.per_pe == result.per_pe
    assert again.layers[0].runs == result.layers[0].runs


def test_one_bit_makes_results_differ(layers, result):
    inputs = batch(7)
    inputs[0, np.flatnonzero(inputs[0])[0]] += 1
    assert eiesim.simulate(layers, inputs, result.config) != result
    assert eiesim.simulate(layers, batch(7), eiesim.MachineConfig(pes=4, queue_depth=9)) != result
    first = result.layers[0].runs[0]
    for part in fields(first.per_pe):
        changed = getattr(first.per_pe, part.name).copy()
        changed[0] += 1
        assert replace(first, per_pe=replace(first.per_pe, **{part.name: changed})) != first, part.name
    assert not same(np.float32([0.0]), np.float32([-0.0]))
    assert not same(np.zeros(2), np.zeros(2, np.float32))
    assert (result == "text") is False


def test_engines_that_agree_give_equal_runs(layers):
    config = eiesim.MachineConfig(pes=4)
    runs = [eiesim.simulate(layers, batch(7), config, engine).layers[1].runs for engine in ("clocked", "event")]
    assert runs[0] == runs[1]


def test_what_compares_by_content_has_no_hash(result):
    for one in (result, result.layers[0], result.layers[0].runs[0], result.per_pe):
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)


def test_load_balance_and_busiest_pe_of_a_run(layers, result):
    entries = np.array([[layer.runs[k].per_pe.entries for layer in result.layers] for k in range(3)])
    cycles = sum(run.cycles for layer in result.layers for run in layer.runs)
    assert result.load_balance == pytest.approx(entries.sum() / (cycles * 4))
    assert result.busiest_pe == entries.sum(axis=(0, 1)).argmax()
    one = eiesim.simulate(layers[0], batch(7)[0], eiesim.MachineConfig(pes=4))
    assert one.busiest_pe == one.per_pe.entries.argmax()
    assert one.load_balance == one.layers[0].load_balance


def test_brief_shows_arrays_by_type_and_many_records_by_number():
    assert brief(np.zeros((2, 3), np.float32)) == "float32[2, 3]"
    assert brief((np.zeros(1), np.zeros(1))) == "2 x array"
    assert brief(("a", "b")) == "('a', 'b')"
    assert len(brief("x" * 1000)) == 100
