"""What a trace writes, read back by other people's libraries and held against the machine's registers."""

import re

import numpy as np
import pytest

import eiesim
from eiesim.machine import clock
from eiesim.tracing.recording import EMPTY
from eiesim.tracing.subject import Subject

from .cases import BUSY, FLOATS

CASES = {"fixed point": BUSY, "float32": FLOATS}


def of(one, **keywords):
    return eiesim.trace(one.layer, one.batch, one.config, item=0, **keywords)


def registers(one):
    """Queue counts, pointer addresses, accumulators and stage 3's sum by cycle, each [pes, ...], from the machine."""
    subject = Subject.of(one.layer, one.batch, one.config, 0, outputs=True)
    seen = {}

    def note(cycle, machine):
        pe = machine.registers
        seen[cycle] = {
            "activation_queue.count": pe.activation_queue["count"].copy(),
            "pointer_read.address": pe.pointer_read.address.copy(),
            "arithmetic_unit.accumulator3": pe.arithmetic_unit.accumulator3.copy(),
            "pointer_read.wires.address": machine.wires.pointer_read.address.copy(),
            "activation_rw.accumulators.row_0": machine.accumulators[:, 0].copy(),
        }

    clock.run(clock.build(subject.job, subject.activation_rows), note)
    return seen


@pytest.mark.parametrize("name", CASES)
def test_waveforms_hold_the_machines_registers(tmp_path, name):
    pytest.importorskip("vcd")
    reader = pytest.importorskip("vcdvcd")
    one = CASES[name]
    trace = of(one, cycles=(2, 400))
    trace.save(tmp_path / "t.vcd")
    file = reader.VCDVCD(str(tmp_path / "t.vcd"))
    assert file.timescale["magnitude"] == 1
    assert file.timescale["unit"] == "ps"
    period, right = round(1e6 / one.config.clock_mhz), registers(one)
    rng = np.random.default_rng(0)
    by_name = {signal.split("[")[0]: signal for signal in file.signals}
    for _ in range(1000):
        cycle, p = int(rng.integers(trace.first_cycle, trace.end)), int(rng.integers(trace.pes))
        for register, values in right[cycle].items():
            raw = file[by_name[f"pe{p}.{register}"]][(cycle - 1) * period]
            kind = values.dtype.kind
            if kind == "f":
                found = float(raw)
                assert found == pytest.approx(values[p], rel=1e-12)
            else:
                bits = 8 * values.dtype.itemsize
                found = int(raw, 2)
                assert (found - 2**bits if kind == "i" and found >= 2 ** (bits - 1) else found) == values[p]
    for cycle in (trace.first_cycle, trace.end - 1):
        assert int(file[by_name["clock.cycle"]][(cycle - 1) * period], 2) == cycle
        assert file["clock.clock"][(cycle - 1) * period] == "1"
        assert file["clock.clock"][(cycle - 1) * period + period // 2] == "0"


def test_waveforms_hold_every_register_and_wire(tmp_path):
    pytest.importorskip("vcd")
    reader = pytest.importorskip("vcdvcd")
    of(BUSY, cycles=(3, 5)).save(tmp_path / "t.vcd")
    file = reader.VCDVCD(str(tmp_path / "t.vcd"), only_sigs=True)
    names = {signal.split("[")[0] for signal in file.signals}
    subject = Subject.of(BUSY.layer, BUSY.batch, BUSY.config, 0, outputs=True)
    machine = clock.build(subject.job, subject.activation_rows)
    for unit in machine.registers.dtype.names:
        for field in machine.registers.dtype[unit].names:
            assert f"pe0.{unit}.{field}" in names
        for field in machine.wires.dtype[unit].names:
            assert f"pe0.{unit}.wires.{field}" in names
    assert {f"lnzd.{field}" for field in machine.scanner.dtype.names} <= names
    assert {f"lnzd.wires.{field}" for field in machine.candidate.dtype.names} <= names


@pytest.mark.parametrize("window", [None, (9, 60)])
def test_the_perfetto_file_tells_the_trace(tmp_path, window):
    pytest.importorskip("perfetto")
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Read
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

    trace = of(BUSY, cycles=window)
    trace.save(tmp_path / "t.pftrace")
    packets = Read.FromString((tmp_path / "t.pftrace").read_bytes()).packet
    names = {p.track_descriptor.uuid: p.track_descriptor.name for p in packets if p.HasField("track_descriptor")}
    process = [p.track_descriptor.process.process_name for p in packets if p.track_descriptor.HasField("process")]
    assert "1 us stands for one cycle" in process[0]
    column = np.full_like(trace.column, -1)
    held = np.zeros_like(trace.occupancy)
    lane, open_slices = {}, {}
    pointers = trace.subject.layer.pointers
    for packet in packets:
        if not packet.HasField("track_event"):
            continue
        event, cycle = packet.track_event, packet.timestamp // 1000
        assert packet.timestamp % 1000 == 0
        track = names[event.track_uuid]
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            open_slices[track] = (cycle, event.name, {a.name: a for a in event.debug_annotations})
        elif event.type == TrackEvent.TYPE_SLICE_END:
            start, name, arguments = open_slices.pop(track)
            if track == "LNZD":
                lane |= dict.fromkeys(range(start, cycle), name)
            else:
                p, j = int(track.split()[1]), int(name.split()[1])
                column[p, start - trace.first_cycle : cycle - trace.first_cycle] = j
                assert arguments["entries"].int_value == pointers[j + 1, p] - pointers[j, p]
                assert arguments["activation"].double_value == trace.subject.activations(np.array([j]))[0]
        else:
            held[int(track.split()[1]), cycle - trace.first_cycle :] = event.counter_value
    assert not open_slices
    assert (column == trace.column).all()
    assert (held == trace.occupancy).all()
    for k, cycle in enumerate(trace.broadcast_cycle.tolist()):
        if trace.first_cycle <= cycle < trace.end:
            assert lane[cycle] == f"column {trace.broadcast_column[k]}"
        for stalled in range(cycle - trace.broadcast_stall[k], cycle):
            if trace.first_cycle <= stalled < trace.end:
                assert lane[stalled] == f"stalled by PE {trace.blocker[k]}"


def test_large_waveforms_tell_their_size_before_they_are_written(tmp_path, caplog, monkeypatch):
    pytest.importorskip("vcd")
    from eiesim.tracing import waves

    trace = of(BUSY, cycles=(2, 150))
    with caplog.at_level("INFO", logger="eiesim.notes"):
        trace.save(tmp_path / "small.vcd")
        assert not caplog.messages
        monkeypatch.setattr(waves, "LARGE_BYTES", 1000)
        trace.save(tmp_path / "large.vcd")
    size = (tmp_path / "large.vcd").stat().st_size
    assert (tmp_path / "small.vcd").read_bytes() == (tmp_path / "large.vcd").read_bytes()
    (line,) = caplog.messages
    assert "3 PEs as VCD" in line
    assert "--cycles" in line
    assert float(re.search(r"about ([\d,.]+) MB", line)[1]) == pytest.approx(size / 1e6, rel=0.4)


def test_the_perfetto_file_is_the_same_however_few_packets_are_held(tmp_path, monkeypatch):
    pytest.importorskip("perfetto")
    from eiesim.tracing import perfetto_file

    of(BUSY).save(tmp_path / "whole.pftrace")
    monkeypatch.setattr(perfetto_file, "PACKETS_AT_ONCE", 7)
    of(BUSY).save(tmp_path / "parts.pftrace")
    assert (tmp_path / "whole.pftrace").read_bytes() == (tmp_path / "parts.pftrace").read_bytes()


def test_npz_holds_the_fields(tmp_path):
    trace = of(BUSY)
    trace.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as file:
        assert set(file) == {*trace.arrays(), "shown"}
        for name, value in trace.arrays().items():
            assert (file[name] == value).all()
            assert file[name].dtype == value.dtype


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures_are_the_same_bytes_each_time(tmp_path, suffix):
    for name in ("one", "other"):
        of(BUSY).save(tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_shares_leave_no_cycle_out():
    from eiesim.tracing.shares import state_shares

    trace = of(BUSY)
    for rows, columns in ((1, 1), (3, 7), (trace.pes, 50)):
        shares, down, across = state_shares(trace, range(trace.pes), rows, columns)
        cells = np.diff(down)[:, None] * np.diff(across)[None, :]
        for k in range(4):
            assert (shares[..., k] * cells).sum() == pytest.approx((trace.state == k).sum())
    assert (trace.state == EMPTY).any()


@pytest.mark.parametrize("suffix", ["", ".txt", ".vcdx"])
def test_other_suffixes_are_refused(tmp_path, suffix):
    with pytest.raises(eiesim.EieError, match=r"a trace is written as \.html"):
        of(BUSY).save(tmp_path / f"t{suffix}")
    assert list(tmp_path.iterdir()) == []
