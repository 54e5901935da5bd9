"""What hardware a configuration makes, and what is refused."""

from dataclasses import replace

import pytest

from eiesim import EieError, MachineConfig
from eiesim.encoding import interleave
from eiesim.rtl.hardware import ADDER, MULTIPLY, Hardware
from eiesim.workloads import workload


def test_the_published_machine():
    hardware = Hardware.of(MachineConfig())
    assert (hardware.pes, hardware.queue_depth, hardware.row_entries, hardware.value_bits) == (64, 8, 8, 16)
    assert hardware.spmat_rows * 8 == 128 * 1024
    assert 2 * hardware.pointer_words * 16 == 32 * 1024 * 8
    assert hardware.activations == 64


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"arithmetic": "float32"}, "arithmetic = float32"),
        ({"arithmetic": "fixed32"}, "arithmetic = fixed32"),
        ({"weights": "streamed"}, "weights = streamed"),
        ({"spmat_width": 48}, "spmat_width = 48"),
    ],
)
def test_what_the_rtl_does_not_cover_is_refused_by_name(change, names):
    with pytest.raises(EieError, match=names):
        Hardware.of(MachineConfig(**change))


def test_an_adder_unit_is_the_same_hardware_with_another_operation():
    hardware = Hardware.of(MachineConfig(operation="adder"))
    assert replace(hardware, operation=MULTIPLY) == Hardware.of(MachineConfig())
    assert hardware.operation == ADDER
    # 2**16 inputs and as many weights of a magnitude up to 2**15 have a sum of 32 bits; an accumulator has 16.
    assert (hardware.rest_fraction_bits, hardware.rest_bits) == (32, 49)


def test_memories_grow_with_a_layer_and_it_is_said():
    config = MachineConfig(pes=4)
    layer, _ = workload("NT-We", 0)
    hardware = Hardware.of(config, [interleave(layer, 4, 4)])
    assert hardware.activations == 1024
    assert any("activations: 1,024 instead of 64" in sentence for sentence in hardware.grown(config))
