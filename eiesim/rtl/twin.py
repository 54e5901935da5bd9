"""The RTL twin's three functions: exported, checked against the clocked machine, synthesised."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from eiesim._progress import Steps, Told, telling
from eiesim.config import MachineConfig, as_config
from eiesim.errors import EieError
from eiesim.inputs import Opening, Source
from eiesim.prepared import Config, opened_each, prepare_workload
from eiesim.rtl import export, lockstep, simulators
from eiesim.rtl.cases import random_run, shape_of
from eiesim.rtl.hardware import Hardware
from eiesim.rtl.lockstep import Agreement
from eiesim.rtl.runs import RtlRun, of_prepared
from eiesim.rtl.synthesis import Module, modules, synthesise


@dataclass(frozen=True)
class Exported:
    """A twin in a folder of its own. files: how many. grown: what the layer needed larger than configured, in words."""

    folder: Path
    files: int
    grown: tuple[str, ...]


def export_rtl(
    source: Source,
    output: str | Path,
    inputs: Any = (),
    config: Config = None,
    *,
    recorded: bool = False,
    **opening: Unpack[Opening],
) -> Exported:
    """Write the RTL twin's sources, a layer's memory images, a testbench and a Makefile: `make` says PASS or FAIL.

    Parameters
    ----------
    source : name, path or layer, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`, with one layer.
    output : path
        A new folder.
    inputs : float[cols] or [batch, cols], or a path, default ()
        For a layer that brings none.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    recorded : bool, default False
        Feed the layer its recorded inputs, even where its network has its own.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    Exported
        The folder, how many files are in it, and what had to be larger than configured.

    Raises
    ------
    EieError
        As `simulate` does, for several layers, for what the RTL does not cover, and where the folder holds something.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.export_rtl("table3:NT-We", "twin", config={"pes": 4}).files  # doctest: +SKIP
    """
    machine = as_config(config)
    runs = _runs(source, inputs, machine, recorded, **opening)
    if len(runs) != 1:
        raise EieError(f"{len(runs)} layers are given; a twin is of one, and eiesim.open_each gives them apart")
    written = export.export(runs[0], Path(output))
    return Exported(Path(output), written, tuple(runs[0].hardware.grown(machine)))


@dataclass(frozen=True)
class Checked:
    """RTL and clocked machine compared in every cycle, run by run.

    names: of the layers; empty for random cases. agreements: of the runs that were equal, in order. difference: the
    first one, in words, after which nothing more was run; empty where all are equal. simulator, seconds: with what, and
    how long it took.
    """

    names: tuple[str, ...]
    agreements: tuple[Agreement, ...]
    difference: str
    simulator: str
    seconds: float


@telling
def check_rtl(
    source: Source | None = None,
    inputs: Any = (),
    config: Config = None,
    *,
    cases: int = 24,
    simulator: str | None = None,
    recorded: bool = False,
    progress: Told = None,
    report: Callable[[str], object] | None = None,
    **opening: Unpack[Opening],
) -> Checked:
    """Run RTL and clocked machine in lock-step: every register, wire, counter and output, in every cycle.

    Builds are kept; the first of a large array takes minutes.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives, default None
        As in `simulate`, each layer by itself; None is random cases.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        For what brings none: one for all, or one for each.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design, and for random cases a dozen small ones.
    cases : int, default 24
        How many random cases, where no layer is given; they are drawn by `seed`.
    simulator : str or None, default None
        "verilator" or "icarus"; None is the first of them that is there.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step a run; see `progress`.
    report : callable(str) or None, default None
        Told each build that is made.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    Checked
        What was equal, and the first difference.

    Raises
    ------
    EieError
        As `simulate` does, for what the RTL does not cover, for inputs without a layer, and where the simulator is
        missing.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.check_rtl(cases=100, seed=1).difference  # doctest: +SKIP
    ''
    """
    simulator = simulators.chosen(simulator)
    begin, names = time.perf_counter(), tuple[str, ...]()
    if source is None:
        if not (isinstance(inputs, tuple) and not inputs):
            raise EieError("inputs are given and no layer; random cases bring their own")
        total, seed = cases, opening.get("seed", 0)
        hardware = None if config is None else shape_of(as_config(config))
        runs: Iterator[RtlRun] = (random_run(seed, number, hardware) for number in range(cases))
    else:
        given = _runs(source, inputs, as_config(config), recorded, **opening)
        names, total, runs = tuple(run.name for run in given), len(given), iter(given)
    steps, agreements, difference = Steps(progress, total, "runs in lock-step"), list[Agreement](), ""
    for run in runs:
        program = simulators.build(run.hardware, simulator, report=report or (lambda line: None))
        try:
            agreements.append(lockstep.check(run, program))
        except lockstep.LockstepError as found:
            difference = f"{run.name}: {found}"
            break
        steps()
    return Checked(names, tuple(agreements), difference, simulator, time.perf_counter() - begin)


@dataclass(frozen=True)
class Synthesised:
    """Modules as yosys made them of a machine. liberty: the cell library; None is yosys' own generic cells."""

    modules: tuple[Module, ...]
    config: MachineConfig
    liberty: Path | None


@telling
def synthesise_rtl(config: Config = None, liberty: str | Path | None = None, *, progress: Told = None) -> Synthesised:
    """Synthesise each module of the twin with yosys: cells, area and longest path.

    Parameters
    ----------
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    liberty : path, default None
        A cell library; None is yosys' own generic cells, which have no area.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step a module; see `progress`.

    Returns
    -------
    Synthesised
        The modules with their cells, areas in square micrometres and paths in nanoseconds.

    Raises
    ------
    EieError
        Where yosys is missing or refuses, and for what the RTL does not cover.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.synthesise_rtl(liberty="gscl45nm.lib").modules[0].area_um2  # doctest: +SKIP
    """
    machine = as_config(config)
    hardware, cells = Hardware.of(machine), None if liberty is None else Path(liberty)
    wanted = modules(hardware)
    steps, made = Steps(progress, len(wanted), "modules synthesised"), []
    for module in wanted:
        made.append(synthesise(module, hardware, cells))
        steps()
    return Synthesised(tuple(made), machine, cells)


def _runs(
    source: Source, inputs: Any, config: MachineConfig, recorded: bool, **opening: Unpack[Opening]
) -> list[RtlRun]:
    makers = opened_each(source, inputs, recorded, **opening)
    return [of_prepared(prepare_workload(make(), config)) for make in makers]
