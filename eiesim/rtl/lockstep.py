"""RTL and clocked machine side by side, cycle by cycle, until they differ or are done.

The RTL prints its probes in every cycle, and the machine's hook reads a line and compares. So both are in the same
cycle all the time, and nothing is stored.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eiesim.counters import EVENT, STATE, TABLE
from eiesim.engines import clocked
from eiesim.errors import EieError
from eiesim.machine import clock
from eiesim.rtl import images, simulators
from eiesim.rtl.probes import LNZD_PROBES, PE_PROBES, Comparison, Difference, Snapshot
from eiesim.rtl.runs import RtlRun, Stage, checksum, outputs_in_rows


class LockstepError(Exception):
    """RTL and model differ. Says where."""


@dataclass(frozen=True)
class Agreement:
    """What was equal.

    cycles: of the layers, summed, as the paper counts them. compared: cycles compared, until the machine is drained.
    outputs: values after ReLU. checksum: of them, see `runs.checksum`.
    """

    cycles: int
    compared: int
    outputs: int
    checksum: int


PROBED = {probe.key for probe in (*LNZD_PROBES, *PE_PROBES)}


def counted(kind: str) -> dict[str, list[str]]:
    """The probes of counters of a kind (`counters.TABLE`), and the counters that add up to each."""
    found: dict[str, list[str]] = {}
    for counter in TABLE:
        probe = f"{counter.unit}.registers.{counter.register}"
        if counter.kind == kind and probe in PROBED:
            found.setdefault(probe, []).append(counter.name)
    return found


def check(run: RtlRun, program: Path) -> Agreement:
    """Run both on every input through every layer. program: made by `simulators.build` for the run's hardware.

    Raises LockstepError at the first register, wire, counter, output, `cycles` or `scan_last` that differs.
    """
    with tempfile.TemporaryDirectory() as folder:
        images.write(run, Path(folder))
        rtl = subprocess.Popen(
            simulators.command(program, Path(folder)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            return _Pair(run, rtl).run()
        finally:
            rtl.kill()
            rtl.communicate()


class _Pair:
    """Both sides of one run."""

    def __init__(self, run: RtlRun, rtl: "subprocess.Popen[str]") -> None:
        self._case, self._rtl = run, rtl
        self._compared = 0
        self._comparison: Comparison | None = None
        self._last: Snapshot | None = None
        self._states: Snapshot | None = None

    def run(self) -> Agreement:
        cycles, digest, outputs = 0, 0x811C9DC5, 0
        for values in self._case.inputs:
            for stage in self._case.stages:
                done, values = self._layer(stage, values)
                cycles += done
            outputs += len(values)
            rows = outputs_in_rows(values, self._case.hardware.pes)
            self._outputs(rows)
            digest = checksum(rows, self._case.hardware.value_bits, digest)
        self._line_of(f"cycles={cycles} checksum={digest:08x}", "the testbench's total")
        return Agreement(cycles, self._compared, outputs, digest)

    def _layer(self, stage: Stage, values: Any) -> tuple[int, Any]:
        self._comparison = self._last = self._states = None
        ran = clocked.run(stage.job, stage.rows(values), self._cycle)
        drained = self._snapshot("the model is drained")
        if self._last is None or self._completes(self._last, drained):
            self._states = drained
        self._line_of(f"E{ran.cycles} {ran.scan_last}", "cycles and scan_last")
        self._counters(ran, drained)
        return ran.cycles, stage.outputs(ran.sums)  # type: ignore[arg-type]

    def _cycle(self, cycle: int, machine: clock.MachineState) -> None:
        if self._comparison is None:
            self._comparison = Comparison(machine, self._case.hardware)
        snapshot = self._snapshot(f"cycle {cycle}")
        found = self._comparison.first_difference(cycle, snapshot)
        if found is not None:
            raise LockstepError(str(found))
        if self._last is not None and self._completes(self._last, snapshot):
            self._states = snapshot
        self._last = snapshot
        self._compared += 1

    @staticmethod
    def _completes(before: Snapshot, after: Snapshot) -> bool:
        """Whether the layer may be complete in the cycle of `before`, whose registers are updated in `after`."""
        scanned = bool(after.lnzd["lnzd.registers.done"][0])
        scanning = not before.lnzd["lnzd.registers.done"][0]
        return scanned and (scanning or bool(before.pes["arithmetic_unit.wires.done"].any()))

    def _counters(self, ran: Any, drained: Snapshot) -> None:
        # States stand still when the layer is complete, though the machine runs on until it is drained.
        complete = self._states if self._states is not None else drained
        for kind, snapshot in ((EVENT, drained), (STATE, complete)):
            for key, names in counted(kind).items():
                one_for_all = key.startswith("lnzd.")
                seen = (snapshot.lnzd if one_for_all else snapshot.pes)[key]
                model = sum(getattr(ran if one_for_all else ran.per_pe, name) for name in names)
                self._same(" + ".join(names), seen, model)

    def _same(self, name: str, rtl: Any, model: Any) -> None:
        wrong = np.atleast_1d(rtl != model)
        if wrong.any():
            p = int(np.argmax(wrong))
            ours, theirs = np.atleast_1d(rtl)[p], np.atleast_1d(model)[p]
            raise LockstepError(f"counter {name}, PE {p}: RTL {ours:,}, model {theirs:,}")

    def _outputs(self, rows: Any) -> None:
        bits = self._case.hardware.value_bits
        for r, row in enumerate(rows.tolist()):
            where = f"row {r} of the outputs"
            try:
                word = int(self._line(where, "O"), 16)
            except ValueError:
                raise LockstepError(f"{where}: the RTL has a bit that is neither 0 nor 1") from None
            for p, value in enumerate(row):
                seen = (word >> (p * bits)) & ((1 << bits) - 1)
                if seen != value & ((1 << bits) - 1):
                    raise LockstepError(f"output {r * len(row) + p}, PE {p}: RTL {seen}, model {value}")

    def _snapshot(self, where: str) -> Snapshot:
        line = self._line(where, "C")
        try:
            return Snapshot.parse(line)
        except ValueError:
            raise LockstepError(f"{where}: the RTL has a bit that is neither 0 nor 1") from None

    def _line_of(self, expected: str, what: str) -> None:
        seen = self._line(what, expected[0])
        if seen != expected[1:]:
            raise LockstepError(f"{what}: RTL {expected[0]}{seen}, model {expected}")

    def _line(self, where: str, letter: str) -> str:
        """The RTL's next line, which begins with a letter."""
        if self._rtl.stdout is None:
            raise EieError("the RTL gives no output")
        line = self._rtl.stdout.readline().rstrip("\n")
        while "WARNING" in line or line.startswith("- "):
            line = self._rtl.stdout.readline().rstrip("\n")
        if line.startswith(letter):
            return line[1:]
        kinds = {"C": "goes on", "E": "is drained", "O": "gives outputs", "c": "has ended"}
        if kinds.get(line[:1]) and ("assert" not in line.lower()):
            raise LockstepError(f"{where}: the RTL {kinds[line[:1]]}, the model {kinds[letter]}")
        raise LockstepError(f"{where}: the RTL stops: {line or 'without a word'}")


__all__ = ["Agreement", "Difference", "LockstepError", "check"]
