"""eiesim.advise: how many PEs, which queue depth, which SRAM width, from a sweep of them all.

Of the machines within `costs.NEAR` of the best the smallest is taken: no deeper queue for a thousandth of the time.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from eiesim._progress import Progress
from eiesim._shown import counted, html_table
from eiesim._version import __version__
from eiesim.config import MachineConfig, as_config
from eiesim.errors import EieError, unknown
from eiesim.errors import shown as shown_value
from eiesim.files.guarding import guarded
from eiesim.inputs import Source
from eiesim.prepared import Config
from eiesim.sweeps.costs import NEAR
from eiesim.sweeps.grid import Grid
from eiesim.sweeps.networks import Total, totals
from eiesim.sweeps.run import sweep_rows
from eiesim.sweeps.values import parse_axes
from eiesim.view.words import setting, words

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-advice/1"

AXES = {
    "pes": (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    "queue_depth": (1, 2, 4, 8, 16, 32),
    "spmat_width": (32, 64, 128, 256),
}
"""What is tried unless told: a factor of 2 from one to the next."""

AIMS = {"energy-delay": "energy_delay_uj_us", "time": "time_us", "energy": "energy_total_uj"}
"""What a machine may be best by, and the column that says it."""

BOUNDS = {"area_mm2": "mm²", "energy_total_uj": "µJ", "time_us": "µs"}

Values = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Advice:
    """Which machine suits a layer or a network, and the machines that it was chosen from.

    Attributes
    ----------
    layers : str
        The layers' names.
    base : MachineConfig
        The machine that was given, of which the keys of `axes` were varied.
    aim : str
        "energy-delay", "time" or "energy".
    bounds : dict of str to float
        Most that a machine may have, by column: `area_mm2`, `energy_total_uj`, `time_us`.
    axes : dict of str to tuple
        The values tried of each key.
    machines : tuple of Total
        Every machine that was simulated, in the order of the axes.
    best : Total
        The machine that is advised.
    """

    layers: str
    base: MachineConfig
    aim: str
    bounds: Mapping[str, float]
    axes: Mapping[str, tuple[Any, ...]]
    machines: tuple[Total, ...]
    best: Total

    def __repr__(self) -> str:
        return f"<Advice for {self.layers}: {'; '.join(self.lines)}>"

    @cached_property
    def config(self) -> MachineConfig:
        """The machine that is advised, for any other verb."""
        return self.base.replace(**{key: self.best.machine[key] for key in self.axes})

    @property
    def heading(self) -> str:
        """What was asked for, among how many machines, and what the best comes to."""
        layers = shorten(self.layers, LONGEST, placeholder=" ...")
        most = [f"{words(name).name} up to {most:g} {BOUNDS[name]}" for name, most in self.bounds.items()]
        bounds = f" of those with {' and '.join(most)}" if most else ""
        return (
            f"{layers}: the smallest of {counted(len(self.machines), 'machine')} within {NEAR - 1:.0%} of the least "
            f"{words(AIMS[self.aim]).name}{bounds}: {_figures(self.best)} (time simulated; energy and area estimated)"
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """A line a key: its value, and what the values beside it would change, all else as advised."""
        return tuple(self._line(key) for key in self.axes)

    def _line(self, key: str) -> str:
        ours = self.best.machine[key]
        along = {one.machine[key]: one for one in self.machines if self._differ_in(one) <= {key}}
        values = list(along)
        place = values.index(ours)
        beside = [values[k] for k in (place - 1, place + 1) if 0 <= k < len(values)]
        told = [f"{value}: {_against(along[value], self.best)}{self._beyond(key, along[value])}" for value in beside]
        return f"{setting(key, ours)} ({'; '.join(told)})" if told else setting(key, ours)

    def _beyond(self, key: str, one: Total) -> str:
        """That a machine exceeds the bounds, and how to try the whole values between it and the advised one."""
        if all(_at_most(one, name, most) for name, most in self.bounds.items()):
            return ""
        low, high = sorted((self.best.machine[key], one.machine[key]))
        between = key in ("pes", "queue_depth") and high - low > 1
        option = f"--{key.replace('_', '-')} {low}:{high + 1}"
        return f", beyond what is allowed; {option} tries those between" if between else ", beyond what is allowed"

    def _differ_in(self, one: Total) -> set[str]:
        return {key for key in self.axes if one.machine[key] != self.best.machine[key]}

    @property
    def ranked(self) -> list[Total]:
        """The machines that hold the layers and are within the bounds, best first."""
        return _ranked(self.machines, self.aim, self.bounds)

    def to_frame(self) -> "pd.DataFrame":
        """The machines as a table.

        Returns
        -------
        pandas.DataFrame
            A row a machine, in the order of the axes, with the columns of `network_totals` and `advised`.
        """
        import pandas as pd

        return pd.DataFrame([{**one.cells(), "advised": one is self.best} for one in self.machines])

    def to_dict(self) -> dict[str, Any]:
        """Everything for JSON.

        Returns
        -------
        dict of str to Any
            `layers`, `aim`, `bounds`, `machine` (the advised values by key), `lines`, and all `machines`.
        """
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "layers": self.layers,
            "aim": self.aim,
            "bounds": dict(self.bounds),
            "machine": _plain({key: self.best.machine[key] for key in self.axes}),
            "heading": self.heading,
            "lines": list(self.lines),
            "config": self.config.to_dict(),
            "machines": [_plain(one.cells()) for one in self.machines],
        }

    def to_json(self) -> str:
        """The same as JSON text.

        Returns
        -------
        str
            JSON, as `to_dict` has it.
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def _repr_html_(self) -> str:
        heads = [words(name).label for name in (*self.axes, *COLUMNS)]
        cells = [(*(f"{one.machine[key]}" for key in self.axes), *shown(one)) for one in self.ranked[:SHORT]]
        return html_table(self.heading, heads, cells, self.lines)


COLUMNS = ("time_us", "energy_total_uj", "energy_delay_uj_us", "area_mm2", "load_balance")
SHORT = 10
"""Machines that are shown."""

LONGEST = 60
"""Letters of the layers' names in the heading."""


def shown(one: Total) -> list[str]:
    """A machine's `COLUMNS` as text."""
    forms = (",.3g", ",.3g", ",.3g", ",.1f", ".1%")
    values = [getattr(one, name) for name in COLUMNS]
    return ["-" if value is None else format(value, form) for value, form in zip(values, forms, strict=True)]


def _figures(one: Total) -> str:
    parts = [f"{one.time_us:,.3g} µs"]
    parts += [] if one.energy_total_uj is None else [f"{one.energy_total_uj:,.3g} µJ"]
    parts += [] if one.area_mm2 is None else [f"{one.area_mm2:,.3g} mm²"]
    return ", ".join(parts)


def _against(one: Total, best: Total) -> str:
    """How another machine differs: `+57.1% time, -31.2% energy`."""
    time = f"{one.time_us / best.time_us - 1:+.1%} time" if best.time_us else "the same time"
    if not one.energy_total_uj or not best.energy_total_uj:
        return time
    return f"{time}, {one.energy_total_uj / best.energy_total_uj - 1:+.1%} energy"


def _plain(cells: Values) -> dict[str, Any]:
    """Cells as JSON has them: no infinity."""
    return {name: "inf" if value == math.inf else value for name, value in cells.items()}


def _ranked(machines: Sequence[Total], aim: str, bounds: Mapping[str, float]) -> list[Total]:
    column = AIMS[aim]
    fitting = [one for one in machines if one.fits and getattr(one, column) is not None]
    within = [one for one in fitting if all(_at_most(one, name, most) for name, most in bounds.items())]
    return sorted(within, key=lambda one: getattr(one, column))


def _at_most(one: Total, name: str, most: float) -> bool:
    value = getattr(one, name)
    return value is not None and value <= most


def _chosen(machines: Sequence[Total], aim: str, bounds: Mapping[str, float]) -> Total:
    """The best machine; of those hardly worse, the smallest. Raises EieError, saying why, where there is none."""
    ranked = _ranked(machines, aim, bounds)
    if ranked:
        column = AIMS[aim]
        near = [one for one in ranked if getattr(one, column) <= NEAR * getattr(ranked[0], column)]
        return min(near, key=lambda one: (math.inf if one.area_mm2 is None else one.area_mm2, getattr(one, column)))
    tried = f"of {counted(len(machines), 'machine')}"
    holding = [one for one in machines if one.fits]
    if not holding:
        raise EieError(
            f"{machines[0].layers}: none {tried} holds the layers ({machines[-1].exceeded}); more PEs, larger memories "
            "or weights=streamed may do"
        )
    if not _ranked(machines, aim, {}):
        raise EieError(
            f"{machines[0].layers}: no figures for the energy of any {tried}; aim at time, or change the machine"
        )
    for name, most in bounds.items():
        known = [getattr(one, name) for one in holding if getattr(one, name) is not None]
        if not known or min(known) > most:
            least = f"; the least is {min(known):,.4g}" if known else ", for none is known"
            raise EieError(f"{words(name).name} {most:g} {BOUNDS[name]}: none {tried} has so little{least}")
    raise EieError(
        f"{', '.join(words(name).name for name in bounds)}: none {tried} is within all of these bounds at once"
    )


@guarded("source", "config", "inputs")
def advise(
    source: Source,
    axes: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    config: Config = None,
    aim: str = "energy-delay",
    area_mm2: float | None = None,
    energy_uj: float | None = None,
    time_us: float | None = None,
    inputs: Any = (),
    seed: int = 0,
    variation: float = 0.0,
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Advice:
    """Say how many PEs, which queue depth and which SRAM width suit a layer or a network.

    Every combination is simulated. Of the machines whose memories hold each layer, the one with the least energy x time
    is advised, of those within 5 % of it the smallest. Several layers count together, as `network_totals` adds them up.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `sweep`.
    axes : mapping of configuration keys to values, or sequence of str, default None
        What is tried, as in `sweep`; None is 1 to 512 PEs, queues of 1 to 32 places and SRAM rows of 32 to 256 bits,
        each twice the one before, and the given machine's own values. Of these three, what is not named is tried so.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        What does not vary; None is the published design.
    aim : str, default "energy-delay"
        What shall be least: "energy-delay", "time" or "energy".
    area_mm2 : float, default None
        The most area, in square millimetres; None is any.
    energy_uj : float, default None
        The most energy of an input through all layers, in microjoules; None is any.
    time_us : float, default None
        The most time of an input through all layers, in microseconds; None is any.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        Activations for the layers that bring none: one for all, or one for each.
    seed : int, default 0
        Of `table3:` layers, and of what is drawn for matrices.
    variation : float, default 0.0
        Coefficient of variation of the densities of `table3:` layers; see `workload`.
    density : float, default None
        Share of weights kept in `table3:` layers, 0 to 1; None is the table's.
    activation_density : float, default None
        Share of active inputs of `table3:` layers, 0 to 1; None is the table's. And of matrices; None is 1.
    rows : int, default None
        Outputs of a dumped layer, which its files leave open.
    recorded : bool, default False
        Feed layers of a network their recorded inputs, even where the network has its own.
    jobs : int, default None
        Tasks at a time; None is one a core.
    progress : callable(int, int or None, str) or None, default None
        Told as `progress(done, total, doing)`, a step for each machine and layer; see `progress`.

    Returns
    -------
    Advice
        `lines`, one a key; `config`, the machine; `to_frame()`, all machines.

    Raises
    ------
    EieError
        As `sweep` does; where no machine holds the layers, and where none is within the bounds.

    Examples
    --------
    >>> import eiesim
    >>> advice = eiesim.advise("example:lenet-300-100", {"queue_depth": [8], "spmat_width": [64]})
    >>> advice.config.pes
    16
    """
    if aim not in AIMS:
        raise unknown("no aim", aim, AIMS)
    base = as_config(config)
    bounds = _bounds({"area_mm2": area_mm2, "energy_total_uj": energy_uj, "time_us": time_us})
    tried = _tried(base, axes)
    found = sweep_rows(
        source, tried, config=base, inputs=inputs, seeds=(seed,), variations=(variation,), density=density,
        activation_density=activation_density, rows=rows, recorded=recorded, jobs=jobs, progress=progress,
    )  # fmt: skip
    machines = tuple(totals(row.cells() for row in found.rows))
    assert machines, "every machine ran every layer"
    return Advice(machines[0].layers, base, aim, bounds, tried, machines, _chosen(machines, aim, bounds))


def _bounds(given: Mapping[str, float | None]) -> dict[str, float]:
    bounds = {name: most for name, most in given.items() if most is not None}
    for name, most in bounds.items():
        if isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < math.inf:
            raise EieError(f"{words(name).name} {shown_value(most)}: needs a finite number above 0, in {BOUNDS[name]}")
    return bounds


def _tried(base: MachineConfig, axes: Mapping[str, Any] | Sequence[str] | None) -> dict[str, tuple[Any, ...]]:
    """The values of each key: those given, and of `AXES` that are not named the usual ones that go with these."""
    given = axes if isinstance(axes, Mapping) else parse_axes(axes or ())
    Grid(base, given)
    every: dict[str, Any] = {}
    for key, held in AXES.items():
        usual = sorted({*held, getattr(base, key)})
        every[key] = given.get(key) or [value for value in usual if _goes(base, given, key, value)]
    machines = list(Grid(base, {**every, **given}))
    return {key: tuple(dict.fromkeys(getattr(one, key) for one in machines)) for key in {**every, **given}}


def _goes(base: MachineConfig, given: Values, key: str, value: Any) -> bool:
    """Whether a value goes with all that is given."""
    try:
        Grid(base, {**given, key: [value]})
    except EieError:
        return False
    return True
