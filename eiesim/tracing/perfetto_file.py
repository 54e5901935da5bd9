"""A trace for the Perfetto viewer (.pftrace). A cycle is shown as 1 us: its clock knows whole nanoseconds only."""

from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np

from eiesim.errors import EieError, plain, with_extra
from eiesim.tracing.recording import Recording
from eiesim.tracing.shares import FINDS_NONE, SENDS, broadcast_lane, chosen

NS_A_CYCLE = 1000
SEQUENCE = 1
LNZD_TRACK, PROCESS_TRACK = 2, 1
PACKETS_AT_ONCE = 4096
"""A packet takes a few hundred bytes as an object."""
PE_TRACK, QUEUE_TRACK = 10_000, 20_000
"""Track numbers of PE 0 and of its queue; the other PEs follow."""


def write_pftrace(trace: Recording, file: IO[bytes], pes: Sequence[int] | None = None) -> None:
    """A track a PE (slices: the columns it walks), a counter a queue, and the LNZD's track."""
    try:
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder
    except ImportError:
        raise EieError(f"Perfetto files need perfetto; {with_extra('trace')}") from None
    writer = _Writer(TraceProtoBuilder, file)
    writer.process(plain(f"{trace.subject.name}, {trace.pes} PEs; 1 us stands for one cycle"))
    writer.track(LNZD_TRACK, "LNZD")
    _lnzd(trace, writer)
    for p in chosen(trace, pes):
        writer.track(PE_TRACK + p, f"PE {p}")
        writer.counter(QUEUE_TRACK + p, f"PE {p} queue")
        _columns(trace, writer, p)
        _queue(trace, writer, p)
    writer.write()


class _Writer:
    """Packets of one sequence, written a few thousand at a time; timestamps are cycles."""

    def __init__(self, builder: Callable[[], Any], file: IO[bytes]) -> None:
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

        self.kinds, self.file, self.new = TrackEvent, file, builder
        self.builder, self.held = builder(), 0

    def write(self) -> None:
        """Write what is held: a trace's bytes are those of its parts, one after the other."""
        self.file.write(self.builder.serialize())
        self.builder, self.held = self.new(), 0

    def packet(self) -> Any:
        if self.held == PACKETS_AT_ONCE:
            self.write()
        self.held += 1
        return self.builder.add_packet()

    def process(self, name: str) -> None:
        descriptor = self.packet().track_descriptor
        descriptor.uuid = PROCESS_TRACK
        descriptor.process.pid = 1
        descriptor.process.process_name = name

    def track(self, number: int, name: str) -> None:
        descriptor = self.packet().track_descriptor
        descriptor.uuid, descriptor.parent_uuid, descriptor.name = number, PROCESS_TRACK, name

    def counter(self, number: int, name: str) -> None:
        descriptor = self.packet().track_descriptor
        descriptor.uuid, descriptor.parent_uuid, descriptor.name = number, PROCESS_TRACK, name
        descriptor.counter.unit_name = "columns"

    def _event(self, track: int, cycle: int, kind: int) -> Any:
        packet = self.packet()
        packet.timestamp = cycle * NS_A_CYCLE
        packet.trusted_packet_sequence_id = SEQUENCE
        packet.track_event.track_uuid = track
        packet.track_event.type = kind
        return packet.track_event

    def slice(self, track: int, name: str, first_cycle: int, end: int, **arguments: float) -> None:
        event = self._event(track, first_cycle, self.kinds.TYPE_SLICE_BEGIN)
        event.name = name
        for key, value in arguments.items():
            annotation = event.debug_annotations.add()
            annotation.name = key
            if isinstance(value, float):
                annotation.double_value = value
            else:
                annotation.int_value = value
        self._event(track, end, self.kinds.TYPE_SLICE_END)

    def value(self, track: int, cycle: int, value: int) -> None:
        self._event(track, cycle, self.kinds.TYPE_COUNTER).counter_value = value


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where equal neighbours begin and end."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return starts, np.append(starts[1:], len(values))


def _columns(trace: Recording, writer: _Writer, p: int) -> None:
    row, pointers = trace.column[p], trace.subject.layer.pointers
    starts, ends = _runs(row)
    columns = row[starts]
    held = columns >= 0
    entries = pointers[columns + 1, p] - pointers[columns, p]
    values = trace.subject.activations(columns)
    for j, start, end, n, value in zip(
        *(part[held].tolist() for part in (columns, starts, ends, entries, values)), strict=True
    ):
        first = trace.first_cycle + start
        writer.slice(PE_TRACK + p, f"column {j}", first, trace.first_cycle + end, entries=n, activation=value)


def _queue(trace: Recording, writer: _Writer, p: int) -> None:
    starts, _ = _runs(trace.occupancy[p])
    for start, held in zip(starts.tolist(), trace.occupancy[p][starts].tolist(), strict=True):
        writer.value(QUEUE_TRACK + p, trace.first_cycle + start, held)


def _lnzd(trace: Recording, writer: _Writer) -> None:
    """Slices: a broadcast a cycle, stalls and bubbles as long as they last."""
    lane = broadcast_lane(trace)
    columns = dict(zip(trace.broadcast_cycle.tolist(), trace.broadcast_column.tolist(), strict=True))
    for start, end in zip(*(part.tolist() for part in _runs(lane)), strict=True):
        first, after = trace.first_cycle + start, trace.first_cycle + end
        what = int(lane[start])
        if what == SENDS:
            for cycle in range(first, after):
                value = float(trace.subject.activations(np.array([columns[cycle]]))[0])
                writer.slice(LNZD_TRACK, f"column {columns[cycle]}", cycle, cycle + 1, activation=value)
        elif what >= 0:
            writer.slice(LNZD_TRACK, f"stalled by PE {what}", first, after, blocker=what)
        elif what == FINDS_NONE:
            writer.slice(LNZD_TRACK, "scan bubble", first, after)
