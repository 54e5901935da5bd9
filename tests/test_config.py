"""MachineConfig: defaults, presets, TOML, settings. What is refused is in test_bad_input.py."""

from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.config import parse_setting
from tests.cases import cli

FORMATS_MD = {
    "pes": 64,
    "queue_depth": 8,
    "index_bits": 4,
    "weight_bits": 4,
    "spmat_width": 64,
    "clock_mhz": 800,
    "arithmetic": "fixed16",
    "operation": "multiply",
    "activation_frac": "auto",
    "weight_frac": "auto",
    "output_frac": "auto",
    "spmat_bytes": 131072,
    "pointer_bytes": 32768,
    "activation_bytes": 2048,
    "weights": "resident",
    "dram_gbytes_per_s": 25.6,
    "dram_pj_per_bit": 20.0,
    "multipliers": 1,
    "mapping": "interleaved",
    "rounding": "nearest",
    "rounding_seed": 0,
    "activation_threshold": 0.0,
}


def test_defaults_are_the_contracts() -> None:
    assert MachineConfig().model_dump() == FORMATS_MD


def test_presets() -> None:
    assert eiesim.preset("isca16").model_dump() == FORMATS_MD
    assert eiesim.preset("isca16-simulator").model_dump() == {**FORMATS_MD, "queue_depth": 7, "arithmetic": "float32"}
    assert eiesim.load_config("isca16-simulator") == eiesim.preset("isca16-simulator")
    with pytest.raises(EieError, match="no preset is called 'isca17'; there are: isca16, isca16-simulator"):
        eiesim.preset("isca17")


def test_toml(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("# a larger one\npes = 256\nclock_mhz = 1e3\nweight_frac = -3\n")
    expected = {**FORMATS_MD, "pes": 256, "clock_mhz": 1000, "weight_frac": -3}
    assert eiesim.load_config(tmp_path / "m.toml").model_dump() == expected
    (tmp_path / "empty.toml").touch()
    assert eiesim.load_config(tmp_path / "empty.toml") == MachineConfig()


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("pes", 1, 4096),
        ("index_bits", 1, 8),
        ("weight_bits", 1, 8),
        ("activation_frac", -16, 47),
        ("weight_frac", -16, 47),
        ("output_frac", -16, 47),
    ],
)
def test_ranges_are_the_contracts(key: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(MachineConfig(**{key: value}), key) == value
    for value in (least - 1, most + 1):
        with pytest.raises(EieError, match=f"{key} = {value}: "):
            MachineConfig(**{key: value})


@pytest.mark.parametrize(
    ("index_bits", "weight_bits", "width", "entries"),
    [(4, 4, 64, 8), (4, 4, 8, 1), (5, 4, 64, 7), (8, 8, 512, 32), (1, 1, 2, 1), (3, 2, 64, 12)],
)
def test_entries_a_row(index_bits: int, weight_bits: int, width: int, entries: int) -> None:
    config = MachineConfig(index_bits=index_bits, weight_bits=weight_bits, spmat_width=width)
    assert config.entries_per_row == entries
    with pytest.raises(EieError, match="holds no entry"):
        config.replace(spmat_width=max(2, index_bits + weight_bits - 1), index_bits=index_bits + (index_bits == 1))


def test_replace_validates_anew() -> None:
    config = MachineConfig(pes=16)
    assert config.replace(queue_depth=4).model_dump() == {**FORMATS_MD, "pes": 16, "queue_depth": 4}
    assert config.pes == 16
    with pytest.raises(EieError, match="pes = 0"):
        config.replace(pes=0)
    with pytest.raises(EieError, match="no configuration key is called 'self'"):
        config.replace(**{"self": 1})


def test_numpy_numbers_are_as_good_as_pythons() -> None:
    assert MachineConfig(pes=np.int64(16), clock_mhz=np.float32(400)) == MachineConfig(pes=16, clock_mhz=400.0)
    for wrong in (np.bool_(True), np.float64(16)):
        with pytest.raises(EieError, match="pes = "):
            MachineConfig(pes=wrong)


def test_a_machine_is_frozen_and_hashable() -> None:
    config = MachineConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.pes = 3
    assert len({config, MachineConfig(), MachineConfig(pes=3)}) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pes=16", ("pes", 16)),
        (" pes = 16 ", ("pes", 16)),
        ("clock_mhz=1e3", ("clock_mhz", 1000.0)),
        ("arithmetic=fixed8", ("arithmetic", "fixed8")),
        ("arithmetic='fixed8'", ("arithmetic", "fixed8")),
        ("output_frac=-3", ("output_frac", -3)),
        ("output_frac=auto", ("output_frac", "auto")),
        ("pes=true", ("pes", True)),
        ("pes=", ("pes", "")),
        ("pes=1\nx=2", ("pes", "1\nx=2")),
    ],
)
def test_settings(text: str, expected: tuple[str, object]) -> None:
    assert parse_setting(text) == expected


def test_a_key_by_its_former_name_is_read_with_a_warning(tmp_path: Path) -> None:
    expected = MachineConfig(dram_gbytes_per_s=3.0)
    (tmp_path / "m.toml").write_text("dram_gbps = 3.0\n")
    for read in (
        lambda: MachineConfig(**{"dram_gbps": 3.0}),
        lambda: MachineConfig().replace(dram_gbps=3.0),
        lambda: eiesim.load_config(tmp_path / "m.toml"),
    ):
        with pytest.warns(FutureWarning, match="dram_gbps is called dram_gbytes_per_s now") as told:
            assert read() == expected
        assert len(told) == 1
    with pytest.raises(EieError, match="dram_gbps, dram_gbytes_per_s: are the old and the new name of one key"):
        MachineConfig(**{"dram_gbps": 3.0, "dram_gbytes_per_s": 3.0})
    answer = cli("run", "table3:NT-We", "--set", "dram_gbps=3", "-q")
    assert (answer.status, answer.err) == (0, "warning: dram_gbps is called dram_gbytes_per_s now\n")
