"""What the memories of the published design hold: the numbers of machine.md, "Capacities"."""

from dataclasses import replace

import numpy as np
import pytest

import eiesim
from eiesim import capacity
from tests.cases import random_layer


def needs(layer: eiesim.CompressedLayer, **keys: object) -> dict[str, tuple[int, int]]:
    config = eiesim.MachineConfig(**keys)
    interleaved = eiesim.interleave(layer, config.pes, config.index_bits)
    return {need.name: (need.needs, need.holds) for need in capacity.needs(interleaved, config)}


def empty_layer(rows: int, cols: int, bias: bool) -> eiesim.CompressedLayer:
    return eiesim.CompressedLayer(
        shape=(rows, cols),
        indptr=np.zeros(cols + 1, np.int64),
        indices=np.zeros(0, np.int32),
        codes=np.zeros(0, np.uint8),
        codebook=np.zeros(2, np.float32),
        bias_codes=np.zeros(rows, np.uint8) if bias else None,
    )


def test_what_the_published_design_holds() -> None:
    holds = {name: held for name, (_, held) in needs(random_layer(1)).items()}
    assert holds == {
        "spmat_sram": 131_072,
        "pointer_sram": 16_384,
        "pointer_range": 65_535,
        "activation_sram": 1_024,
        "register_file": 64,
    }


@pytest.mark.parametrize(
    ("rows", "cols", "bias", "pes", "pointers", "activations"),
    [
        (4096, 25088, False, 64, 25_089, 392),  # VGG-6
        (1000, 4096, True, 64, 4_098, 64),  # AlexNet-FC8, as dumped
        (1000, 4096, False, 64, 4_097, 64),
        (600, 4097, True, 64, 4_162, 65),  # ceil(4097 / 64) * 64 + 2
        (8791, 600, False, 64, 601, 138),  # NT-Wd: its outputs are more
        (5, 3, True, 1, 5, 5),
    ],
)
def test_pointers_and_activations(rows: int, cols: int, bias: bool, pes: int, pointers: int, activations: int) -> None:
    found = needs(empty_layer(rows, cols, bias), pes=pes)
    assert found["pointer_sram"][0] == pointers
    assert found["activation_sram"][0] == found["register_file"][0] == activations


def test_entries_are_those_of_the_fullest_pe_with_padding() -> None:
    """Row 40 alone: at one PE 40 zeros need two padding entries of 16; the other PEs' share is less."""
    weights = np.zeros((41, 2), np.float32)
    weights[40] = 1
    found = needs(eiesim.CompressedLayer.from_dense(weights), pes=1)
    assert found["spmat_sram"][0] == found["pointer_range"][0] == 6
    assert needs(eiesim.CompressedLayer.from_dense(weights), pes=41)["spmat_sram"][0] == 2


def test_memories_as_configured() -> None:
    layer = random_layer(1)
    found = needs(layer, spmat_bytes=1000, pointer_bytes=30, activation_bytes=9, pes=2)
    assert {name: found[name][1] for name in ("spmat_sram", "pointer_sram", "activation_sram")} == {
        "spmat_sram": 1000,
        "pointer_sram": 15,
        "activation_sram": 4,
    }
    # Entries of 9 bits: 7 to a row of 64, and whole rows only.
    assert needs(layer, spmat_bytes=1001, index_bits=5)["spmat_sram"][1] == 1001 * 8 // 64 * 7


def test_warnings_name_what_is_exceeded_and_nothing_else() -> None:
    layer = empty_layer(100, 70, bias=False)
    config = eiesim.MachineConfig(pes=1)
    interleaved = eiesim.interleave(layer, 1, 4)
    assert capacity.exceeded(interleaved, config) == ("register_file: needs 100 activations a PE, holds 64",)
    assert capacity.exceeded(eiesim.interleave(layer, 2, 4), config.replace(pes=2)) == ()
    tight = config.replace(pointer_bytes=2 * 70)  # 71 pointers do not fit into 70
    assert [line.split(":")[0] for line in capacity.exceeded(interleaved, tight)] == ["pointer_sram", "register_file"]
    assert [line.split(":")[0] for line in capacity.exceeded(interleaved, config.replace(pointer_bytes=2 * 71))] == [
        "register_file"
    ]


def test_a_result_carries_the_warnings_and_runs_all_the_same() -> None:
    layer = replace(empty_layer(100, 70, bias=False), name="wide")
    result = eiesim.simulate(layer, np.ones(70), eiesim.MachineConfig(pes=1))
    assert result.layers[0].warnings == ("register_file: needs 100 activations a PE, holds 64",)
    assert result.warnings == ("wide: register_file: needs 100 activations a PE, holds 64",)


def test_vgg_6_does_not_fit() -> None:
    layer, _ = eiesim.workload("VGG-6")
    config = eiesim.MachineConfig()
    lines = capacity.exceeded(eiesim.interleave(layer), config)
    assert "pointer_sram: needs 25,089 pointers a PE, holds 16,384" in lines
    assert any(line.startswith("pointer_range") for line in lines)
    assert not any(line.startswith("spmat_sram") for line in lines)
