"""eiesim.trace: a recording that can be shown and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim.config import MachineConfig
from eiesim.tracing import saving
from eiesim.tracing.recording import Recording, record
from eiesim.tracing.subject import Subject, Traceable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Recording):
    """What every PE does in every cycle of a window; the fields are those of `Recording` (docs/trace.md)."""

    def save(self, path: str | Path, pes: Sequence[int] | None = None) -> None:
        """Write the trace; the suffix says what: .html, .png, .svg, .pdf, .vcd, .pftrace or .npz (docs/trace.md).

        pes: the PEs shown; None is all.
        Raises EieError for another suffix, a library that is not installed, and a file that cannot be written.
        """
        saving.save(self, path, pes)

    def plot(self, pes: Sequence[int] | None = None) -> "Figure":
        """A matplotlib figure: PE states, queue occupancy, broadcasts with their stalls, and the critical path."""
        from eiesim.tracing.picture import picture
        from eiesim.view.figure import figure

        return figure(picture(self, pes))

    def _repr_html_(self) -> str:
        from eiesim.tracing.page import in_frame

        return in_frame(self)


def trace(
    layer: Traceable,
    activations: Any = None,
    config: MachineConfig | None = None,
    *,
    item: int | None = None,
    cycles: tuple[int, int] | None = None,
) -> Trace:
    """What every PE does in every cycle of one input through one layer.

    layer: compressed, already interleaved for `config`, or what has just one layer, such as
        `eiesim.open("table3:Alex-8")`.
    activations: float[cols], or [batch, cols] with `item`, the number of the input to follow (from 0); None is the
        layer's own.
    config: the machine; None is the published design.
    cycles: (a, b) keeps cycles a to b - 1, as far as the run goes; cycles are numbered from 1. None keeps all.

    It equals the registers of the clocked machine in every cycle. Raises EieError as `simulate` does, for a window
    that holds no cycle of the run, and for one that would take more than 1 GB.
    """
    recorded = record(Subject.of(layer, activations, config, item), cycles)
    return Trace(**{part.name: getattr(recorded, part.name) for part in fields(recorded)})
