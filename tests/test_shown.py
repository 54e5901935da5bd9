"""Results and layers as a person sees and compares them: one line, a table, a DataFrame, equality by content."""

import json
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
    assert set(columns()) - set(table) == {"activation_density", "inputs", "hash"}
    assert set(table) - set(columns()) == {"input", "content_hash"}
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
    by_layer = entries.sum(axis=0)
    number, pe = np.unravel_index(by_layer.argmax(), by_layer.shape)
    assert result.busiest_pe == (result.layers[number].name, pe)
    assert [layer.busiest_pe for layer in result] == by_layer.argmax(axis=1).tolist()
    one = eiesim.simulate(layers[0], batch(7)[0], eiesim.MachineConfig(pes=4))
    assert one.busiest_pe == one.layers[0].busiest_pe == one.per_pe.entries.argmax()
    assert type(one.busiest_pe) is int
    assert one.load_balance == one.layers[0].load_balance


def test_the_busiest_pe_of_a_network_counts_a_layer_as_often_as_it_runs(result):
    """The layer with fewer entries has so many input vectors that its PE does more."""
    name, _ = result.busiest_pe
    other = next(layer for layer in result if layer.name != name)
    each = [layer if layer.name == name else replace(layer, vectors=1000, fed="recorded") for layer in result]
    assert replace(result, layers=tuple(each)).busiest_pe == (other.name, other.busiest_pe)


@pytest.mark.parametrize("layers_of", [slice(0, 1), slice(0, 2)])
@pytest.mark.parametrize("inputs", [None, 3])
def test_a_result_and_a_layers_result_answer_alike(layers, layers_of, inputs):
    config = eiesim.MachineConfig(pes=4, multipliers=2)
    result = eiesim.simulate(layers[layers_of], batch(7) if inputs else batch(7)[0], config)
    runs = [run for layer in result for run in layer.runs]
    macs = sum(int(run.per_pe.macs.sum()) for run in runs)
    cycles = sum(run.cycles for run in runs)
    assert result.alu_efficiency == result.metrics.alu_efficiency == pytest.approx(macs / (cycles * 4 * 2))
    assert (result.metrics.runs, result.metrics.cycles) == (inputs or 1, cycles)
    assert result.metrics.time_us == pytest.approx(result.time_us)
    assert result.metrics.counters.macs == macs
    assert result.metrics.scan_last == sum(run.scan_last for run in runs)
    assert result.metrics.dense_macs == sum(layer.rows * layer.cols for layer in result)
    assert result.metrics.counters.max_occupancy == max(run.per_pe.max_occupancy.max() for run in runs)
    for layer in result:
        assert layer.alu_efficiency == layer.metrics.alu_efficiency
        assert json.loads(layer.to_json()) == json.loads(json.dumps(layer.to_dict()))
        assert list(layer.to_frame()["cycles"]) == [run.cycles for run in layer.runs]
    if len(result) == 1:
        assert result.metrics == result[0].metrics


def test_metrics_of_layers_that_ran_by_themselves_are_of_one_input_of_the_network(layers):
    """A convolution with 25 positions, of which three were simulated, before a layer with one."""
    first = eiesim.simulate(layers[0], batch(7), eiesim.MachineConfig(pes=4))[0]
    second = eiesim.simulate(layers[1], batch(9, 2)[0], eiesim.MachineConfig(pes=4))[0]
    both = eiesim.Result((replace(first, vectors=25), replace(second, fed="recorded")), first.config, "recurrence")
    cycles = sum(run.cycles for run in first.runs) / 3 * 25 + second.runs[0].cycles
    macs = sum(run.per_pe.macs.sum() for run in first.runs) / 3 * 25 + second.runs[0].per_pe.macs.sum()
    assert both.metrics.runs == 1
    assert both.metrics.cycles == pytest.approx(cycles)
    assert both.metrics.counters.macs == pytest.approx(macs)
    assert both.metrics.dense_macs == 9 * 7 * 25 + 5 * 9
    assert both.metrics.gops == pytest.approx(2 * macs / (cycles / 800e6) / 1e9)
    assert both.alu_efficiency == pytest.approx(macs / (cycles * 4))


def test_layers_of_a_result_by_number_and_by_name(result):
    assert len(result) == 2
    assert list(result) == list(result.layers)
    assert result[1] is result["random 2"] is result[-1] is result[np.int64(1)] is result.layers[1]
    assert "random 2" in result
    assert result[0] in result
    assert "random 3" not in result


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (2, "layer 2: the result has 2, by number from 0 to 1 or by name"),
        (1.0, "layer 1.0: the result has 2, by number from 0 to 1 or by name"),
        (slice(0, 1), "layer slice(0, 1, None): the result has 2, by number from 0 to 1 or by name"),
        ("random2", "no layer is called 'random2'; there are: random 1, random 2; did you mean 'random 2'?"),
    ],
)
def test_a_layer_that_is_not_there_is_named(result, index, says):
    with pytest.raises(eiesim.EieError) as error:
        result[index]
    assert str(error.value) == says


def test_a_name_that_stands_twice_is_no_index(layers):
    twice = [layers[0], replace(random_layer(3, 7, 9), name="random 1")]
    result = eiesim.simulate(twice, batch(7), eiesim.MachineConfig(pes=4))
    with pytest.raises(eiesim.EieError, match="2 layers have this name; index by number: 0, 1"):
        result["random 1"]
    assert (result[0].rows, result[1].rows) == (9, 7)


def test_brief_shows_arrays_by_type_and_many_records_by_number():
    assert brief(np.zeros((2, 3), np.float32)) == "float32[2, 3]"
    assert brief((np.zeros(1), np.zeros(1))) == "2 x array"
    assert brief(("a", "b")) == "('a', 'b')"
    assert len(brief("x" * 1000)) == 100
