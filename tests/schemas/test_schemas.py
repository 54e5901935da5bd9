"""The schemas that ship: they are what the classes give, every real document meets its own, and no changed one does."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import eiesim
from eiesim.balancing.causes import Losses
from eiesim.baselines.measurements import Host, LeftOut, Measured, Measurement
from eiesim.schemas import documents, meanings, shapes
from tests.cases import cli
from tests.documents import faults
from tests.layers import random_layer

NAMES = sorted(documents.DOCUMENTS)

LENET = "example:lenet-300-100"
SMALL = ("--pes", "4", "-q", "--json", "-")
X = np.random.default_rng(0).random((3, 7)).astype(np.float32)

COMMANDS = {
    "one input": ("run", "a.npz", "-i", "x.npy", *SMALL),
    "a batch, every PE, two layers": ("run", "a.npz", "b.npz", "-i", "xs.npy", "--per-pe", *SMALL),
    "every PE of one input": ("run", "a.npz", "-i", "x.npy", "--per-pe", *SMALL),
    "float32, clocked": ("run", "a.npz", "-i", "x.npy", "--engine", "clocked", "--set", "arithmetic=float32", *SMALL),
    "streamed from endless DRAM": (
        "run", "a.npz", "-i", "xs.npy", "--set", "weights=streamed", "--set", "dram_gbytes_per_s=inf", *SMALL,
    ),
    "no energy": ("run", "a.npz", "-i", "x.npy", "--set", "spmat_bytes=1073741824", *SMALL),
    "energy as published": ("run", "a.npz", "-i", "x.npy", "--energy-model", "published", "-q", "--json", "-"),
    "two synthetic layers": ("run", "table3:NT-We", "--variation", "0.1", "--density", "0.01", "-q", "--json", "-"),
    "a matrix": ("run", "m.npz", *SMALL),
    "labels": ("run", "a.npz", "-i", "xs.npy", "--labels", "labels.npy", *SMALL),
    "critical path": ("critical-path", "a.npz", "-i", "x.npy", *SMALL),
    "balance": ("balance", "a.npz", "-i", "xs.npy", *SMALL),
    "advice": (
        "advise", "a.npz", "-i", "x.npy", "--pes", "1,2", "--queue-depth", "2", "--spmat-width", "64",
        "--area", "1000", "--energy", "1000", "--time", "1000", "-q", "--json", "-",
    ),
    "inspect a layer": ("inspect", "a.npz", "--energy", *SMALL),
    "inspect a layer that cannot be streamed": ("inspect", "a.npz", "--set", "pointer_bytes=2", *SMALL),
    "inspect a model": ("inspect", "model.npz", *SMALL),
    "a depthwise layer": ("run", "dw.npz", "-i", "x.npy", *SMALL),
    "balance of a depthwise layer": ("balance", "dw.npz", "-i", "x.npy", *SMALL),
    "inspect a depthwise layer": ("inspect", "dw.npz", *SMALL),
    "layers": ("layers", "-q", "--json", "-"),
    "compress": ("compress", "model.npz", "--density", "fc1=0.5", "--leave", "odd", "-o", "net", "-q", "--json", "-"),
    "accuracy": ("accuracy", LENET, "-q", "--json", "-"),
}  # fmt: skip
"""Commands that write JSON, but for those that need an extra: tests of train, of power and of ONNX graphs hold theirs
to their schemas themselves (`tests.cases.cli` does with whatever a command prints)."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Real documents, (name, document) each."""
    folder = tmp_path_factory.mktemp("documents")
    eiesim.save(random_layer(1, 9, 7), folder / "a.npz")
    eiesim.save(random_layer(2, 3, 9), folder / "b.npz")
    scales = eiesim.CompressedLayer.from_dense(np.eye(7), name="dw")
    eiesim.save(replace(scales, groups=7, depthwise=True), folder / "dw.npz")
    np.save(folder / "x.npy", X[0])
    np.save(folder / "xs.npy", X)
    np.save(folder / "labels.npy", np.array([0, 1, 2]))
    sparse.save_npz(folder / "m.npz", sparse.random(12, 9, 0.4, "csr", np.float32, np.random.default_rng(0)))
    rng = np.random.default_rng(0)
    model = {"fc1.weight": rng.normal(size=(6, 7)), "fc1.bias": np.ones(6), "odd": np.ones((3, 3, 3))}
    np.savez(folder / "model.npz", **{name: values.astype(np.float32) for name, values in model.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        answers = {title: cli(*words) for title, words in COMMANDS.items()}
        written = json.loads(Path("net/.eiesim-written.json").read_text())
        report = json.loads(Path("net/report.json").read_text())
    assert {title: one.err for title, one in answers.items() if one.status} == {}
    every = [json.loads(one.out) for one in answers.values()]
    several = eiesim.simulate([random_layer(1, 9, 7), random_layer(2, 3, 9)], X)
    every += [report, several.to_dict(True), json.loads(measured().model_dump_json())]
    return [(one["format"].split("-", 1)[1].removesuffix("/1"), one) for one in every] + [("written", written)]


def measured():
    one = Measurement(
        layer="fc", rows=4, cols=3, nnz=2, device="cpu", library="numpy", kernel="k", matrix="sparse", batch=1,
        threads=1, repeats=3, time_us=1.5, energy_uj=2.0, energy_basis="estimated", power_source="TDP", index_bits=32,
        difference=0.0, time_us_low=1.0,
    )  # fmt: skip
    host = Host(cpu="a", cores=2, gpu="", system="Linux", versions={"numpy": "2"})
    left = LeftOut(layer="fc", product="p", batch=None, reason="why")
    return Measured(
        machine=host, when="2026-11-29T12:00:00+00:00", load_average=0.1, measurements=(one,), left_out=(left,)
    )


def test_what_ships_is_what_the_classes_give():
    """Else: `python -m eiesim.schemas` writes the files anew, and docs/stability.md says what may change."""
    folder = Path(documents.__file__).parent / "data"
    assert {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")} == documents.made()


def test_every_format_that_the_code_names_has_a_schema():
    code = "".join(path.read_text(encoding="utf-8") for path in Path(eiesim.__file__).parent.rglob("*.py"))
    named = set(re.findall(r'"eiesim-([a-z-]+)/1"', code)) - {"layer", "network"}  # .npz and .toml
    assert named == set(NAMES) - {"written"}


def objects(schema):
    """Every object that a schema describes, by name; the document's own is ""."""
    yield from {"": schema, **schema.get("$defs", {})}.items()


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_closed_and_every_key_told_with_its_unit(name):
    units = {
        "_us": "microsecond", "_uj": "microjoule", "_pj": "picojoule", "_mw": "milliwatt", "_mhz": "MHz",
        "_ns": "nanosecond", "_mm2": "square millimetre", "_um2": "square micrometre", "_w": "watt",
        "_bytes": "byte", "_bits": "bit",
    }  # fmt: skip
    for one, held in objects(eiesim.schema(name)):
        if name == "written":
            continue
        assert held["additionalProperties"] is False, one
        for key, of in held["properties"].items():
            assert of["description"], (one, key)
            unit = next((word for end, word in units.items() if key.endswith(end)), "")
            assert unit in of["description"], (one, key, of["description"])


def test_a_schema_is_found_by_name_and_by_format():
    assert eiesim.schema("result") == eiesim.schema("eiesim-result/1") == eiesim.schema()["result"]
    assert sorted(eiesim.schema()) == NAMES
    with pytest.raises(eiesim.EieError, match=r"no JSON document is called 'reslt'; .*did you mean 'result'"):
        eiesim.schema("reslt")
    with pytest.raises(eiesim.EieError, match="no JSON document is 3"):
        eiesim.schema(3)


def test_the_command_prints_lists_and_writes(tmp_path):
    assert json.loads(cli("schema", "power").out) == eiesim.schema("power")
    assert cli("schema", "-o", tmp_path / "s.json").status == 2
    assert cli("schema", "result", "-o", tmp_path / "s.json").out == ""
    assert json.loads((tmp_path / "s.json").read_text()) == eiesim.schema("result")
    listed = cli("schema")
    assert [name for name in NAMES if name not in listed.out] == []
    refused = cli("schema", "nothing")
    assert (refused.status, refused.err.count("\n")) == (2, 1)


def test_a_class_whose_keys_have_no_meaning_is_refused(monkeypatch):
    said = dict(meanings.MEANINGS[Losses])
    said.pop("lanes")
    monkeypatch.setitem(meanings.MEANINGS, Losses, said)
    with pytest.raises(TypeError, match="Losses has"):
        shapes.document("balance", documents.DOCUMENTS["balance"])


# --- real documents ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jsonschema():
    return pytest.importorskip("jsonschema", reason="needs the extra [dev]")


def test_the_schemas_are_schemas(jsonschema):
    for schema in eiesim.schema().values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_real_documents_meet_their_schemas(jsonschema, found):
    assert {name for name, _ in found} == set(NAMES) - {"power", "train"}
    assert [(name, faults(document, name)) for name, document in found if faults(document, name)] == []


def parts(schema, held, value, name=""):
    """Every object in a document with the name of what describes it."""
    if "$ref" in held:
        name = held["$ref"].rpartition("/")[2]
        held = schema["$defs"][name]
    if "anyOf" in held:
        kind = "object" if isinstance(value, dict) else "array"
        fitting = [one for one in held["anyOf"] if "$ref" in one or one.get("type") == kind]
        for one in fitting[:1] if isinstance(value, dict | list) else []:
            yield from parts(schema, one, value)
    elif isinstance(value, dict):
        if "properties" in held:
            yield name, value
        for key, inside in value.items():
            yield from parts(schema, held.get("properties", {}).get(key) or held["additionalProperties"], inside)
    elif isinstance(value, list):
        for inside in value if "items" in held else ():
            yield from parts(schema, held["items"], inside)


def test_every_key_of_a_schema_is_written_by_some_command(found):
    """Closed objects refuse keys that the schema has not; this refuses those that no document has."""
    for name in sorted({name for name, _ in found} - {"written"}):
        schema = eiesim.schema(name)
        written = {
            (part, key)
            for one, document in found if one == name
            for part, value in parts(schema, schema, document)
            for key in value
        }  # fmt: skip
        described = {(part, key) for part, held in objects(schema) for key in held["properties"]}
        lacking = {f"{part}.{key}" for part, key in described - written if part != "SomeKeys"}
        assert lacking == LACKING.get(name, set()), name


LACKING = {
    "accuracy": {".layers"},  # through a graph of ONNX
    "compress": {"HeldLayer.name", "HeldLayer.error"},  # of a source that runs: torch, onnxruntime
}
"""Keys of documents that need an extra."""


def wrong(value):
    """A value of another type than it has."""
    return ["surplus"] if isinstance(value, dict) else {"surplus": [True]}


def test_changed_documents_are_refused(jsonschema, found):
    """Of each object: a key that is always there taken out, each value of another type, and a key too many."""
    seen = set()
    tried = 0
    for name, document in found:
        schema = eiesim.schema(name)
        for part, value in parts(schema, schema, document) if name != "written" else ():
            own = schema if part == "" else schema["$defs"][part]
            keys = [key for key in value if (name, part, key) not in seen]
            if not keys:
                continue
            seen.update((name, part, key) for key in keys)
            check = jsonschema.Draft202012Validator({**own, "$defs": schema.get("$defs", {})})
            assert check.is_valid(value), part
            assert not check.is_valid({**value, "surplus": 1}), part
            for key in keys:
                tried += 1
                assert not check.is_valid({**value, key: wrong(value[key])}), (part, key)
                without = {each: held for each, held in value.items() if each != key}
                assert check.is_valid(without) == (key not in own["required"]), (part, key)
    assert tried > 400


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("result", ("layers", 0, "load_balance"), 1.5),
        ("result", ("layers", 0, "cycles"), -1),
        ("result", ("layers", 0, "cycles"), "12"),
        ("result", ("layers", 0, "inputs"), "guessed"),
        ("result", ("layers", 0, "content_hash"), "abc"),
        ("result", ("config", "pes"), 4097),
        ("result", ("config", "pes"), 4.5),
        ("result", ("config", "arithmetic"), "fixed9"),
        ("result", ("config", "dram_gbytes_per_s"), "fast"),
        ("result", ("format",), "eiesim-result/2"),
        ("result", ("engine",), "oracle"),
        ("critical-path", ("segments", 0, "kind"), "wait"),
        ("balance", ("layers", 0, "assignments", 0, "pe_cycles", "work"), 0.5),
        ("balance", ("layers", 0, "assignments", 0, "pe_cycles", "work"), -1),
        ("advice", ("machines", 0, "cycles"), -1),
        ("advice", ("machines", 0, "load_balance"), 1.5),
        ("critical-path", ("changes", 0, "time_us"), -1),
        ("inspect", ("layers", 0, "memory", 0, "needs"), -1),
        ("layers", ("layers", 0, "rows"), -1),
        ("result", ("layers", 0, "memory", "load_cycles"), -1),
        ("baselines", ("measurements", 0, "time_us"), 0),
        ("baselines", ("measurements", 0, "index_bits"), 16),
        ("inspect", ("layers", 0, "bias"), 1),
        ("compress", ("ledger", 0, "role"), "colour"),
        ("written", ("network.toml",), "0"),
    ],
)
def test_values_out_of_range_are_refused(jsonschema, found, name, path, value):
    document = json.loads(json.dumps(next(one for given, one in found if given == name)))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert faults(document, name)
