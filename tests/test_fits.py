"""One answer to "does it fit": 30 layers, one entry below, at and above each capacity, asked in every way there is."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import MachineConfig, capacity, streaming

from .cases import cli
from .layers import layer_of

ROOT = Path(__file__).parents[1]
OF_WEIGHTS = {"spmat_sram", "pointer_sram", "pointer_range"}
REACH = 65_535


@dataclass(frozen=True)
class Case:
    """A layer on a machine, and what it needs in the PE that needs most, counted by hand.

    entries: of PE 0, filled column by column, so that none is padding. packed: whether entries fill SRAM rows, as they
    are counted in tiles.
    """

    about: str
    rows: int
    cols: int
    entries: int
    pointers: int
    activations: int
    keys: dict[str, int] = field(default_factory=dict)
    bias: bool = False
    packed: bool = True

    @property
    def config(self) -> MachineConfig:
        return MachineConfig(**self.keys)

    def layer(self) -> eiesim.CompressedLayer:
        of_pe = np.zeros((-(-self.rows // self.config.pes), self.cols), np.uint8)
        of_pe.T.flat[: self.entries] = 1
        codes = np.zeros((self.rows, self.cols), np.uint8)
        codes[:: self.config.pes] = of_pe
        return layer_of(codes, [0, 1], [0] * self.rows if self.bias else None)


def around(about, at, needs, steps=(-1, 0, 1), *, bias=False, packed=True, **keys):
    """Three cases. needs: rows, cols, entries, pointers and activations by what is at the capacity."""
    names = (f"{about} {place}" for place in ("below", "at", "above"))
    how = {"keys": keys, "bias": bias, "packed": packed}
    return [Case(name, *needs(at + k), **how) for name, k in zip(names, steps, strict=True)]


CASES = [
    *around("spmat SRAM", 1000, lambda n: (50, 40, n, 41, 50), pes=1, spmat_bytes=1000),
    # 7 entries of 9 bits a row of 64
    *around("rows", 875, lambda n: (50, 40, n, 41, 50), pes=1, spmat_bytes=1000, index_bits=5, packed=False),
    *around("pointer SRAM", 99, lambda n: (10, n, 50, n + 1, -(-n // 2)), pes=2, pointer_bytes=200),
    # The bias is the column after a gap up to the next row of 4 activations.
    *around("pointers with a bias", 68, lambda n: (10, n, 50, {64: 66, 68: 70, 69: 74}[n], -(-n // 4)), (-4, 0, 1),
            bias=True, pes=4, pointer_bytes=140),
    *around("reach", REACH, lambda n: (64, 1024, n, 1025, 1024), pes=1),
    *around("reach of one PE of 4", REACH, lambda n: (256, 1100, n, 1101, 275), pes=4),
    *around("reach in a larger SRAM", REACH, lambda n: (64, 1024, n, 1025, 1024), pes=1, spmat_bytes=2**20),
    *around("activation SRAM by inputs", 1024, lambda n: (5, n, 9, n + 1, n), pes=1),
    *around("activation SRAM by outputs", 3072, lambda n: (n, 6, 9, 7, -(-n // 3)), (-3, 0, 1), pes=3),
    *around("register file", 128, lambda n: (9, n, 9, n + 1, -(-n // 2)), (-2, 0, 1), pes=2),
]  # fmt: skip


def documented():
    """What docs/machine.md says a PE holds, by capacity."""
    page = (ROOT / "docs" / "machine.md").read_text(encoding="utf-8")
    table = page[page.index("## Capacities") : page.index("The first three are")]
    found = re.findall(r"^\| (\w+) \| ([\d,]+) ", table, re.M)
    return {name: int(number.replace(",", "")) for name, number in found}


def exceeds(case):
    """By the page: the published numbers, and memories of another size in proportion, SRAM rows whole."""
    holds, keys = documented(), case.keys
    if "spmat_bytes" in keys:
        holds["spmat_sram"] = keys["spmat_bytes"] // 8 * (64 // (keys.get("index_bits", 4) + 4))
    if "pointer_bytes" in keys:
        holds["pointer_sram"] = keys["pointer_bytes"] // 2
    needs = {
        **dict.fromkeys(("spmat_sram", "pointer_range"), case.entries),
        "pointer_sram": case.pointers,
        **dict.fromkeys(("activation_sram", "register_file"), case.activations),
    }
    return {name for name in holds if needs[name] > holds[name]}


def strict(source, settings):
    """The capacities that `run --strict` refuses a layer for, by name."""
    answer = cli("run", source, "--input", source.with_suffix(".npy"), "--strict", *settings)
    assert (answer.status, answer.err.count("--strict: ")) in ((0, 0), (2, 1)), answer.err
    return set(re.findall(r"(\w+): needs ", answer.err)) if answer.status else set()


def inspected(source, settings):
    """The capacities that `inspect` says no to, and whether it says that the weights fit."""
    answer = cli("inspect", source, *settings, "--json", "-")
    (found,) = json.loads(answer.out)["layers"]
    said = re.search(r"the weights fit the array\s*│\s*(yes|no)", answer.err)
    assert said[1] == ("yes" if found["streamed"]["fits"] else "no")
    assert len(re.findall(r"│ no +│$", answer.err, re.M)) == sum(not need["fits"] for need in found["memory"])
    return {need["name"] for need in found["memory"] if not need["fits"]}, found["streamed"]["fits"]


def swept(source, config):
    """The capacities that a sweep's row names, and its `memory_fits`."""
    (row,) = eiesim.sweep_rows(str(source), inputs=str(source.with_suffix(".npy")), config=config).rows
    return set(row.warnings.split("; ")) - {"", "no energy"}, bool(row.memory_fits)


def one_tile(layer, config):
    """Whether half of twice the memory takes all columns as one tile."""
    twice = config.replace(spmat_bytes=2 * config.spmat_bytes, pointer_bytes=2 * config.pointer_bytes)
    try:
        return len(streaming.cut(eiesim.interleave(layer, config.pes, config.index_bits), twice)) == 1
    except eiesim.EieError:
        return False


def test_there_are_thirty():
    assert len(CASES) == 30
    assert documented() == capacity.held(MachineConfig())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_all_give_the_same_answer(case, tmp_path):
    layer, config, right = case.layer(), case.config, exceeds(case)
    source = tmp_path / "layer.npz"
    eiesim.save(layer, source)
    np.save(source.with_suffix(".npy"), np.ones(case.cols, np.float32))
    settings = [word for key, value in case.keys.items() for word in ("--set", f"{key}={value}")]
    fits = not right & OF_WEIGHTS
    assert strict(source, settings) == right
    assert inspected(source, settings) == (right, fits)
    result = eiesim.simulate(str(source), np.ones(case.cols), config).layers[0]
    assert {line.partition(":")[0] for line in result.exceeded} == right
    assert result.memory.fits == fits
    assert swept(source, config) == (right, fits)
    if case.packed:
        assert one_tile(layer, config) == fits


def test_a_tile_of_just_half_the_memory_is_beyond_its_pointers():
    """Dense 64 x 2048 on one PE: 1,024 columns are half of 128 KB, 65,536 entries; 16 bits name 65,535."""
    layer = layer_of(np.ones((64, 2048), np.uint8), [0, 1])
    config = MachineConfig(pes=1, weights="streamed")
    tiles = streaming.cut(eiesim.interleave(layer, 1), config)
    assert [len(tile.columns) for tile in tiles] == [1023, 1023, 2]
    result = eiesim.simulate(layer, np.ones(2048), config).layers[0]
    assert result.memory.loaded_bytes == 64 * 2048 + 2 * (1024 + 1024 + 3)
    assert [line.split(":")[0] for line in result.exceeded] == ["activation_sram", "register_file"]
    for tile in tiles:
        of_tile = eiesim.interleave(tile.of(layer), 1)
        half = config.replace(spmat_bytes=config.spmat_bytes // 2, pointer_bytes=config.pointer_bytes // 2)
        assert capacity.weights_fit(of_tile, half)


def test_a_column_beyond_the_pointers_cannot_be_streamed():
    for rows in (REACH, REACH + 1):
        layer = layer_of(np.ones((rows, 1), np.uint8), [0, 1])
        config = MachineConfig(pes=1, weights="streamed", spmat_bytes=2**18)
        if rows == REACH:
            assert eiesim.simulate(layer, np.ones(1), config).layers[0].memory.tiles == 1
        else:
            with pytest.raises(eiesim.EieError, match=r"column 0 has 65,536 entries .* 65,535 that a 16-bit pointer"):
                eiesim.simulate(layer, np.ones(1), config)
