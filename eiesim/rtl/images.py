"""Memory images of a run, as `testbench.sv` reads them: a folder of text files.

session.txt is a row of numbers: what the hardware must be, `LAYOUT`, and what it must have at least, `SIZES`; inputs,
layers; for each input its activation rows, one hexadecimal number each with PE 0 lowest; then for each layer the
activation rows in all, whether it has a bias, the bias's activation, the shift, whether it has ReLU, and its codebook;
then the output rows. layerL_peP_spmat.hex, _even.hex, _odd.hex and, of adder units, _rest.hex hold a PE's SRAMs, one
word a line, in Verilog's own format ($readmemh).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.rtl.hardware import ADDER, LAYOUT, Hardware, needed
from eiesim.rtl.runs import RtlRun, outputs_in_rows


def write(run: RtlRun, folder: Path) -> None:
    """Write the images of a run into a folder that exists."""
    hardware = run.hardware
    for k, stage in enumerate(run.stages):
        for p in range(hardware.pes):
            for name, words in memories(stage.job, p, hardware).items():
                (folder / f"layer{k}_pe{p}_{name}.hex").write_text(_words(words, f"{name} of PE {p}, layer {k}"))
    (folder / "session.txt").write_text(session(run))


def session(run: RtlRun) -> str:
    """session.txt."""
    hardware = run.hardware
    least = needed([stage.job.layer for stage in run.stages], hardware.row_entries)
    if hardware.operation == ADDER:
        least["column_bits"] = hardware.column_bits  # What `rests` are laid out for.
    lines = [
        " ".join(str(getattr(hardware, name)) for name in LAYOUT),
        " ".join(map(str, least.values())),
        f"{len(run.inputs)} {len(run.stages)}",
    ]
    for values in run.inputs:
        rows = outputs_in_rows(values, hardware.pes)
        lines.append(str(len(rows)))
        lines += [_across(row, hardware.value_bits) for row in rows]
        for stage in run.stages:
            layer = stage.job.layer
            codebook = [_hex(int(value), hardware.value_bits) for value in stage.job.codebook]
            has_bias = int(layer.layer.bias_codes is not None)
            one = _hex(stage.one, hardware.value_bits)
            lines.append(f"{layer.activation_rows} {has_bias} {one} {stage.shift} {int(stage.relu)} {len(codebook)}")
            lines.append(" ".join(codebook))
        lines.append(str(run.stages[-1].job.layer.rows_per_pe))
    return "\n".join(lines) + "\n"


def memories(job: Job, p: int, hardware: Hardware) -> dict[str, list[str]]:
    """A PE's SRAMs by name: words in hexadecimal. An entry is {z, code}; the first of an SRAM row lies lowest."""
    layer = job.layer
    begin, end = int(layer.base[p]), int(layer.base[p] + layer.entries_per_pe[p])
    entry_bits = hardware.index_bits + hardware.weight_bits
    entries = layer.z[begin:end].astype(np.int64) << hardware.weight_bits | layer.code[begin:end]
    padded = np.zeros(max(1, -(-len(entries) // hardware.row_entries)) * hardware.row_entries, np.int64)
    padded[: len(entries)] = entries
    rows = [_joined(row.tolist(), entry_bits) for row in padded.reshape(-1, hardware.row_entries)]
    pointers = layer.pointers[:, p]
    digits = -(-hardware.pointer_bits // 4)
    made = {
        "spmat": rows,
        "even": [f"{pointer:0{digits}x}" for pointer in pointers[0::2].tolist()],
        "odd": [f"{pointer:0{digits}x}" for pointer in pointers[1::2].tolist()],
    }
    if hardware.operation == ADDER:
        digits = -(-(hardware.rest_bits + 1) // 4)
        made["rest"] = [f"{word:0{digits}x}" for word in rests(job, p, hardware)]
    return made


def rests(job: Job, p: int, hardware: Hardware) -> list[int]:
    """What a PE takes off its sums, as rest.sv has it: a word a row, {-R_i scaled, 1}; 0 for a row that is not there.

    Half of an accumulator's unit, less the last bit, is in it: so -(R_i + A) is rounded, and R_i + A as `scale` rounds.
    """
    if job.adder is None or job.adder.rest is None or job.rounding is None:
        raise EieError("adder units are given nothing to add to a sum as it is written")
    point, most = hardware.rest_fraction_bits, 1 << hardware.value_bits + hardware.rest_fraction_bits
    half, left = (1 << (point - 1)) - 1, point - job.rounding[0]
    own = [-int(job.adder.rest[i]) for i in job.layer.rows_of_pe[p]]
    words = [min(one << left if left >= 0 else one >> -left, most) + half for one in own]
    return [word << 1 | 1 for word in words] + [0] * (hardware.activations - len(words))


def _words(words: list[str], title: str) -> str:
    return "\n".join([f"// {title}", f"@0 {words[0]}", *words[1:]]) + "\n"


def _across(values: npt.NDArray[np.int64], bits: int) -> str:
    return _joined([int(value) & ((1 << bits) - 1) for value in values], bits)


def _joined(values: list[int], bits: int) -> str:
    """Fields of one word, the first one lowest, in hexadecimal."""
    word = sum(value << (k * bits) for k, value in enumerate(values))
    return f"{word:0{-(-len(values) * bits // 4)}x}"


def _hex(value: int, bits: int) -> str:
    return f"{value & ((1 << bits) - 1):x}"
