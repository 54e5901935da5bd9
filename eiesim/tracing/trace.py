"""eiesim.trace: a recording that can be shown and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from eiesim.errors import EieError
from eiesim.inputs import Opening, Source
from eiesim.prepared import Config
from eiesim.tracing import saving
from eiesim.tracing.recording import Recording, record
from eiesim.tracing.shares import chosen
from eiesim.tracing.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Recording):
    """What every PE does in every cycle of a window; the fields are those of `Recording` (docs/trace.md)."""

    def save(self, path: str | Path, pes: Sequence[int] | str | None = None) -> None:
        """Write the trace; the suffix says what: .html, .png, .svg, .pdf, .vcd, .pftrace or .npz (docs/trace.md).

        pes: the PEs shown; None is all.
        Raises EieError for another suffix, a library that is not installed, and a file that cannot be written.
        """
        saving.save(self, path, pes)

    def plot(self, pes: Sequence[int] | None = None) -> "Figure":
        """A matplotlib figure: PE states, queue occupancy, broadcasts with their stalls, and the critical path."""
        from eiesim.tracing.picture import picture

        return picture(self, pes)

    def _repr_html_(self) -> str:
        from eiesim.tracing.page import in_frame

        return in_frame(self)


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
    output : path, default None
        The file to write, as `Trace.save` does; None writes nothing.
    pes : sequence of int or str, default None
        The PEs to write, also as "0,17,20:24"; None is all.
    **opening
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
    if output is not None:
        saving.check_suffix(output)
    subject = Subject.of(source, activations, config, item, layer=layer, recorded=recorded, **opening)
    recording = record(subject, _window(cycles))
    chosen(recording, pes)
    if output is not None:
        saving.save(recording, output, pes)
    return Trace(**{part.name: getattr(recording, part.name) for part in fields(recording)})


def _window(cycles: tuple[int, int] | str | None) -> tuple[int, int] | None:
    if not isinstance(cycles, str):
        return cycles
    start, colon, end = cycles.partition(":")
    if not (colon and start.strip().isdecimal() and end.strip().isdecimal()):
        raise EieError(f"cycles {cycles}: is not A:B, for instance 3000:3200")
    return int(start), int(end)
