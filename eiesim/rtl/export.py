"""The twin as a folder of its own: sources, memory images, testbench, Makefile, without Python; and a cocotb test."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

from eiesim._io.folder import making_folder
from eiesim.engines import clocked
from eiesim.rtl import images, simulators
from eiesim.rtl.hardware import needed
from eiesim.rtl.runs import RtlRun, checksum, outputs_in_rows


def export(run: RtlRun, folder: Path) -> int:
    """Write a run into a folder that does not exist yet or is empty, whole or not at all. Returns the number of files.

    Raises EieError where the folder holds something or cannot be made.
    """
    with making_folder(folder) as part:
        (part / "sv").mkdir()
        (part / "images").mkdir()
        with simulators.sources() as paths:
            for path in paths:
                shutil.copy(path, part / "sv")
        images.write(run, part / "images")
        (part / "Makefile").write_text(makefile(run), encoding="utf-8")
        (part / "test_eie.py").write_text(_template("test_eie.py.in"), encoding="utf-8")
        return sum(path.is_file() for path in part.rglob("*"))


def makefile(run: RtlRun) -> str:
    """The Makefile, with what the clocked machine says of the run."""
    cycles, digest = 0, checksum([], run.hardware.value_bits)
    for values in run.inputs:
        for stage in run.stages:
            ran = clocked.run(stage.job, stage.rows(values))
            cycles += ran.cycles
            values = stage.outputs(ran.sums)  # type: ignore[arg-type]
        digest = checksum(outputs_in_rows(values, run.hardware.pes), run.hardware.value_bits, digest)
    least = needed([stage.job.layer for stage in run.stages], run.hardware.row_entries)
    written = {
        "NAME": run.name,
        "PES": run.hardware.pes,
        "QUEUE_DEPTH": run.hardware.queue_depth,
        "PARAMETERS": _assigned(run.hardware.parameters() | {"OPERATION": run.hardware.operation}),
        "KNOWN": "|".join(run.hardware.parameters()),
        "LEAST": _assigned({name.upper(): value for name, value in least.items()}),
        "CYCLES": cycles,
        "CHECKSUM": f"{digest:08x}",
    }
    return re.sub("@([A-Z_]+)@", lambda found: str(written[found.group(1)]), _template("Makefile.in"))


def _template(name: str) -> str:
    return (files("eiesim.rtl") / "sv" / name).read_text(encoding="utf-8")


def _assigned(parameters: dict[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())
