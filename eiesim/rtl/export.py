"""The twin as a folder of its own: sources, memory images, testbench, Makefile. It needs no Python."""

import shutil
from pathlib import Path

from eiesim._io.folder import making_folder
from eiesim.engines import clocked
from eiesim.rtl import images, simulators
from eiesim.rtl.runs import RtlRun, checksum, outputs_in_rows

MAKEFILE = """\
# {name} on {pes} PEs, made by eiesim. `make` builds the testbench, runs it and says PASS or FAIL, with cycles and a
# checksum of the outputs. `make SIMULATOR=icarus` takes Icarus Verilog instead of Verilator 5.
SIMULATOR = verilator
PARAMETERS = {parameters}
SOURCES = $(wildcard sv/*.sv)
EXPECTED = +images=images +cycles={cycles} +checksum={checksum:08x}

.PHONY: run clean
run: $(SIMULATOR)
\t@./$(SIMULATOR) $(EXPECTED) | tee result.txt
\t@grep -q '^PASS' result.txt

verilator: $(SOURCES)
\tverilator --binary --timing --assert -Wno-fatal -j 0 --top-module testbench --Mdir built -o ../verilator \\
\t    $(PARAMETERS:%=-G%) $(SOURCES)

icarus: $(SOURCES)
\tiverilog -g2012 -s testbench -o icarus $(PARAMETERS:%=-Ptestbench.%) $(SOURCES)

clean:
\trm -rf built verilator icarus result.txt
"""


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
        (part / "Makefile").write_text(makefile(run))
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
    parameters = " ".join(f"{name}={value}" for name, value in run.hardware.parameters().items())
    return MAKEFILE.format(name=run.name, pes=run.hardware.pes, parameters=parameters, cycles=cycles, checksum=digest)
