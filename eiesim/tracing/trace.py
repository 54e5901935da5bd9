"""eiesim.trace: a recording that can be shown and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from eiesim._shown import counted
from eiesim.errors import EieError, unknown
from eiesim.files.guarding import guarded
from eiesim.inputs import Opening, Source
from eiesim.prepared import Config
from eiesim.tracing import saving
from eiesim.tracing.recording import STATES, Recording, record
from eiesim.tracing.shares import chosen
from eiesim.tracing.subject import Subject
from eiesim.view.paper import check_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Recording):
    """What every PE does in every cycle of a window (docs/trace.md). Arrays are read-only.

    Attributes
    ----------
    first_cycle : int
        The window's first cycle; the run's first is 1.
    cycles : int
        The window's length.
    pes : int
        PEs of the machine.
    state : uint8[pes, cycles]
        What PointerRead does in each cycle: 0 starved, 1 real entry, 2 padding entry, 3 empty column.
    occupancy : uint16[pes, cycles] or uint32[pes, cycles]
        Columns in the queue at the start of the cycle.
    column : int32[pes, cycles]
        The column in PointerRead; -1 for none.
    broadcast_cycle : int32[broadcasts]
        The cycle of every broadcast, whatever the window.
    broadcast_column : int32[broadcasts]
        Its column.
    broadcast_stall : int32[broadcasts]
        The cycles that it waited for a full queue.
    blocker : int32[broadcasts]
        The lowest-numbered PE whose queue was full in its last stalled cycle; -1 where it was not stalled.
    total_cycles : int
        Cycles of the whole run.
    scan_last : int
        The cycle in which the scan of the whole run ends.
    subject : Subject
        The layer and the input.
    """

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {share:.1%}" for name, share in self._shares())
        return (
            f"<Trace of {self.subject.name} on {counted(self.pes, 'PE')}: cycles {self.first_cycle:,} to "
            f"{self.end - 1:,} of {self.total_cycles:,}, {states}>"
        )

    def _shares(self) -> list[tuple[str, float]]:
        """Shares of the window's PE-cycles by state."""
        cells = max(1, self.state.size)
        return [(name, int(np.count_nonzero(self.state == k)) / cells) for k, name in enumerate(STATES)]

    def save(self, path: str | Path, pes: Sequence[int] | str | None = None, *, style: str = "screen") -> None:
        """Write the trace; the suffix says what (docs/trace.md).

        Parameters
        ----------
        path : str or pathlib.Path
            The file: .html, .png, .svg, .pdf, .vcd, .pftrace or .npz.
        pes : sequence of int, or None, default None
            The PEs shown, from 0; None is all.
        style : str, default "screen"
            Of a picture: "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.

        Raises
        ------
        EieError
            For another suffix or style, a PE that is not there, a library that is not installed, and a file that
            cannot be written.
        """
        saving.save(self, path, pes, style)

    def to_frame(self) -> "pd.DataFrame":
        """What each PE does in the window.

        Returns
        -------
        pandas.DataFrame
            A row a PE: `pe`, cycles that are `starved`, `real_entry`, `padding_entry` and `empty_column`, and
            `stall_caused` (cycles of the whole run in which its full queue held a broadcast back).
        """
        import pandas as pd

        cycles = {name.replace(" ", "_"): (self.state == k).sum(axis=1) for k, name in enumerate(STATES)}
        return pd.DataFrame({"pe": range(self.pes), **cycles, "stall_caused": self.stall_caused})

    def plot(self, pes: Sequence[int] | None = None, *, picture: str | None = None, style: str = "screen") -> "Figure":
        """Draw PE states, queue occupancy, broadcasts with their stalls, and the critical path.

        Parameters
        ----------
        pes : sequence of int, or None, default None
            The PEs shown, from 0; None is all.
        picture : str or None, default None
            "trace", or "heat_map" (entries by PE, and work over time), of all PEs; None is the first.
        style : str, default "screen"
            "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.

        Returns
        -------
        matplotlib.figure.Figure
            The figure; `save` writes it too.

        Raises
        ------
        EieError
            For a PE that is not there, or one that is named twice; for a picture or a style that is not there.
        """
        from eiesim.tracing.heat_map import heat_map
        from eiesim.tracing.picture import picture as states
        from eiesim.view.figure import figure
        from eiesim.view.paper import in_style

        if picture not in (None, "trace", "heat_map"):
            raise unknown("no picture", picture, ("trace", "heat_map"))
        made = in_style(heat_map(self), style) if picture == "heat_map" else states(self, pes, style)
        return figure(made)

    def _repr_html_(self) -> str:
        from eiesim.tracing.page import in_frame

        return in_frame(self)


@guarded("source", "activations", "config", writes=("output",))
def trace(
    source: Source,
    activations: Any = None,
    config: Config = None,
    *,
    layer: str | int | None = None,
    item: int | None = None,
    cycles: tuple[int, int] | str | None = None,
    recorded: bool = False,
    output: str | Path | None = None,
    pes: Sequence[int] | str | None = None,
    style: str = "screen",
    **opening: Unpack[Opening],
) -> Trace:
    """What every PE does in every cycle of one input through one layer.

    It equals the registers of the clocked machine in every cycle.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`.
    activations : float[cols] or [batch, cols], or a path, default None
        None is what the source brings.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine, with resident weights; None is the published design.
    layer : str or int, default None
        Which of several layers to look into, by its name or its number from 0. The layers before it are run.
    item : int, default None
        Which input of a batch to follow, from 0.
    cycles : (int, int) or str, default None
        (a, b), or "a:b", keeps cycles a to b - 1, as far as the run goes; cycles are numbered from 1. None keeps all.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    output : str or pathlib.Path or None, default None
        The file to write, as `Trace.save` does; None writes nothing.
    pes : sequence of int or str, or None, default None
        The PEs to write, also as "0,17,20:24"; None is all.
    style : str, default "screen"
        Of a picture: "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    Trace
        States, queue occupancy and columns by PE and cycle; broadcasts with their stalls. It can be saved and drawn.

    Raises
    ------
    EieError
        As `simulate` does; for several layers or inputs of which none is named, a window that holds no cycle of the
        run, and one that would take more than 1 GB.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.trace("table3:NT-We", cycles=(100, 200)).state.shape
    (64, 100)
    """
    check_style(style)
    if output is not None:
        saving.check_suffix(output)
    subject = Subject.of(source, activations, config, item, layer=layer, recorded=recorded, **opening)
    recording = record(subject, _window(cycles))
    chosen(recording, pes)
    if output is not None:
        saving.save(recording, output, pes, style)
    return Trace(**{part.name: getattr(recording, part.name) for part in fields(recording)})


def _window(cycles: tuple[int, int] | str | None) -> tuple[int, int] | None:
    if not isinstance(cycles, str):
        return cycles
    start, colon, end = cycles.partition(":")
    if not (colon and start.strip().isdecimal() and end.strip().isdecimal()):
        raise EieError(f"cycles {cycles}: is not A:B, for instance 3000:3200")
    return int(start), int(end)
