"""What a machine is built of, by configuration: SRAM arrays, registers, LNZD nodes. Energy and area count from here."""

from math import ceil

from eiesim.capacity import POINTER_BITS, REGISTER_FILE_ACTIVATIONS
from eiesim.config import MachineConfig
from eiesim.energy.sram import Sram, sram
from eiesim.errors import EieError

VALUE_BITS = {"float32": 32, "fixed32": 32, "fixed16": 16, "fixed8": 8}
"""Bits of an activation, a codebook value and an accumulator."""

ADDRESS_BITS = POINTER_BITS
"""Column numbers, row numbers and entry addresses are as wide as a pointer."""

POINTER_BANKS = 2
"""Even and odd columns, so that p_j and p_j+1 are read in one cycle (EIE Sec. IV, "Pointer Read Unit")."""

REGISTER_FILES = 2
"""Source and destination activations (EIE Sec. IV, "Activation Read/Write")."""


ARRAYS = ("spmat", "pointer", "activation")
"""The SRAM arrays of a PE. pointer: one of the two banks."""


def memory(array: str, config: MachineConfig, device_type: str) -> Sram:
    """One of `ARRAYS` as configured. Raises EieError, naming the array, where it is outside the CACTI table."""
    capacity_bytes, width_bits = {
        "spmat": (config.spmat_bytes, config.spmat_width),
        "pointer": (ceil(config.pointer_bytes / POINTER_BANKS), POINTER_BITS),
        "activation": (config.activation_bytes, VALUE_BITS[config.arithmetic]),
    }[array]
    try:
        return sram(capacity_bytes, width_bits, device_type)
    except EieError as error:
        raise EieError(f"{array} SRAM: {error}") from None


def queue_word_bits(config: MachineConfig) -> int:
    """Bits of a place of the activation queue: a_j and j."""
    return VALUE_BITS[config.arithmetic] + ADDRESS_BITS


def register_bits(config: MachineConfig) -> dict[str, int]:
    """Register bits of a PE by module: storage and pipeline, as in eiesim/machine (its counters left out)."""
    value, entry = VALUE_BITS[config.arithmetic], config.entry_bits
    stages = (
        1 + entry + value + ADDRESS_BITS,  # 1: the entry, the activation, the row reached
        1 + ADDRESS_BITS + 2 * value,  # 2: row, weight, activation
        1 + ADDRESS_BITS + 3 * value,  # 3: row, product of double width, accumulator
        1,  # 4: the write
    )
    return {
        "act_queue": config.queue_depth * queue_word_bits(config) + 2 * config.queue_depth.bit_length(),
        "ptr_read": 2 + 3 * ADDRESS_BITS + value,  # column, address, end; activation
        "spmat_read": 2 + ADDRESS_BITS + value + config.spmat_width,  # address, activation, the SRAM row held
        "arithm_unit": sum(stages) + 2**config.weight_bits * value,  # and the codebook
        "act_rw": REGISTER_FILES * REGISTER_FILE_ACTIVATIONS * value + 2 * ADDRESS_BITS,
    }


def lnzd_nodes(pes: int) -> int:
    """Nodes of the LNZD quadtree over `pes` PEs: N/4 + N/16 + ... + 1, each rounded up (EIE Sec. IV: 21 for 64)."""
    nodes, level = 0, pes
    while True:
        level = -(-level // 4)
        nodes += level
        if level == 1:
            return nodes
