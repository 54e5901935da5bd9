"""The public function: a layer's power at the gate."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from eiesim._checks import whole
from eiesim._io.atomic import Outputs
from eiesim._progress import Steps, Told, telling
from eiesim._sums import added
from eiesim.config import MachineConfig, as_config
from eiesim.energy.events import array_energies, default_table
from eiesim.energy.structure import ARRAYS
from eiesim.engines import recurrence
from eiesim.errors import EieError, shown
from eiesim.files.guarding import guarded
from eiesim.inputs import Opening, Source
from eiesim.prepared import Config, opened_each, prepare_workload
from eiesim.rtl.gates import bench, circuit, clock_tree, delays, energy, library, netlist, timed
from eiesim.rtl.gates import saif as saif_file
from eiesim.rtl.gates.library import Library
from eiesim.rtl.gates.report import GatePower, Priced
from eiesim.rtl.gates.wires import Wires
from eiesim.rtl.gates.wires import wires as wires_of
from eiesim.rtl.hardware import Hardware
from eiesim.rtl.runs import RtlRun, of_prepared

TOLD_EVERY = 64
"""Cycles between two words of progress."""


@telling
@guarded("source", "inputs", "config", "liberty", writes=("saif", "verilog"))
def power_rtl(
    source: Source,
    inputs: Any = (),
    config: Config = None,
    *,
    liberty: str | Path | None = None,
    cycles: tuple[int, int] | str | None = None,
    glitches: bool = False,
    wires: str | float = "table",
    clock_gating: bool = True,
    item: int = 0,
    saif: str | Path | None = None,
    verilog: str | Path | None = None,
    recorded: bool = False,
    progress: Told = None,
    report: Callable[[str], object] | None = None,
    **opening: Unpack[Opening],
) -> GatePower:
    """Power of a PE at gate level: the RTL mapped to a cell library, run through a layer, its toggles priced.

    All PEs run, and every cycle is compared with the clocked machine. The netlist is kept, by its content.

    Parameters
    ----------
    source : name, path or layer, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`, with one layer.
    inputs : float[cols] or [batch, cols], or a path, default ()
        For a layer that brings none.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    liberty : path, default None
        The cell library, a Liberty file with functions and internal power. There is none to take by default.
    cycles : (int, int) or str, default None
        (a, b), or "a:b", counts cycles a to b - 1; cycles are numbered from 1. None counts all.
    glitches : bool, default False
        Let every gate answer after its own delay, and count what happens within a cycle. It takes some twenty times as
        long.
    wires : "table", "none" or float, default "table"
        Capacitance of wires: by their sinks, from the library's wire load or a table; none; or fF a sink.
    clock_gating : bool, default True
        Clock registers behind an enable through a gate. False: by every cycle, with a multiplexer in front.
    item : int, default 0
        Which input of a batch, from 0.
    saif : path, default None
        Where to write the toggles for other tools.
    verilog : path, default None
        Where to write the netlist that they are of.
    recorded : bool, default False
        Feed the layer its recorded inputs, even where its network has its own.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step a cycle; see `progress`.
    report : callable(str) or None, default None
        Told when something long begins.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    GatePower
        Milliwatts a PE by module and component, the longest path, energy an event, the hottest nets and cells.

    Raises
    ------
    EieError
        As `check_rtl` does; where there is no library, or one that lacks functions, flip-flops or internal power; where
        yosys is missing; and, with cell, cycle and PE, where the netlist differs from the clocked machine.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.power_rtl("table3:NT-We", liberty="gscl45nm.lib").total_mw  # doctest: +SKIP
    """
    if liberty is None:
        raise EieError("no cell library is given; power at the gate needs a Liberty file with internal_power (liberty)")
    machine = as_config(config)
    Hardware.of(machine)  # Refuses what the RTL does not cover before anything long begins.
    cells = library.read(Path(liberty))
    estimate = wires_of(wires, cells)
    for array in ARRAYS:
        array_energies(array, machine, default_table())  # Refuses what the CACTI table does not cover.
    makers = opened_each(source, inputs, recorded, **opening)
    if len(makers) != 1:
        raise EieError(f"{len(makers)} layers are given; power is of one, and eiesim.open_each gives them apart")
    run = of_prepared(prepare_workload(makers[0](), machine))
    if whole("item", item, 0) >= len(run.inputs):
        raise EieError(f"item = {item}: there are {len(run.inputs)} inputs, numbered from 0")
    tell = report or (lambda line: None)
    for sentence in run.hardware.grown(machine):
        tell(f"larger than configured, for this layer: {sentence}")
    return measured(
        run, machine, cells, cycles=cycles, glitches=glitches, wires=estimate, clock_gating=clock_gating, item=item,
        saif=saif, verilog=verilog, progress=progress, report=tell,
    )  # fmt: skip


def measured(
    run: RtlRun,
    config: MachineConfig,
    cells: Library,
    *,
    cycles: tuple[int, int] | str | None = None,
    glitches: bool = False,
    wires: Wires,
    clock_gating: bool = True,
    item: int = 0,
    saif: str | Path | None = None,
    verilog: str | Path | None = None,
    progress: Told = None,
    report: Callable[[str], object] = lambda line: None,
) -> GatePower:
    """Power of a PE on a run, whose hardware may be other than the configuration's."""
    stage = run.stages[0]
    last = recurrence.run(stage.job, stage.rows(run.inputs[item])).cycles
    window = _window(cycles, last)

    begin = time.perf_counter()
    bias = stage.job.layer.layer.bias_codes is not None
    mapped = netlist.mapped(run.hardware, cells, bias, clock_gating, report=report)
    made = circuit.build(mapped, cells)
    mapping_s = time.perf_counter() - begin
    tree = clock_tree.grown(made, wires)
    timing = delays.timing(made, wires, tree)
    timing_s = time.perf_counter() - begin - mapping_s
    begin = time.perf_counter()
    steps = Steps(progress, window[1] - 1, "cycles at gate level")

    def step(cycle: int) -> None:
        if cycle % TOLD_EVERY == 0 or cycle == window[1] - 1:
            steps(TOLD_EVERY if cycle % TOLD_EVERY == 0 else cycle % TOLD_EVERY)

    activity = bench.run(made, run, item, window, timed.delays(made, timing) if glitches else None, step, last)
    simulating_s = time.perf_counter() - begin
    begin = time.perf_counter()
    changed = energy.toggles(made, activity)
    priced = Priced(made, activity, changed, energy.spent(made, activity, timing, tree, config), config.clock_mhz)
    with Outputs() as files:
        if saif is not None:
            files.open(saif).write(_saif(made, activity, changed, config.clock_mhz).encode())
        if verilog is not None:
            files.open(verilog).write(mapped.verilog.encode())
    events, nets, hot = priced.events_pj(), tuple(priced.hottest_nets()), tuple(priced.hottest_cells())
    return GatePower(
        name=run.name,
        config=config,
        library=cells.path.name,
        library_sha256=cells.sha256,
        voltage=cells.voltage,
        wires=wires.chosen,
        wires_words=wires.words,
        glitches=glitches,
        clock_gating=bool(mapped.gating),
        clock_gate=mapped.gating.words,
        pes=run.hardware.pes,
        first_cycle=window[0],
        cycles=activity.cycles,
        compared=activity.compared,
        modules=priced.modules(),
        idle_clock_mw=energy.idle_clock_fj(made, activity, timing, tree, config) * priced.mw_of_fj,
        kinds=priced.kinds(),
        cells=len(made.instances),
        area_um2=added(instance.cell.area_um2 for instance in made.instances),
        clocked_bits_per_cycle=float(activity.clocked.sum()) / (activity.cycles * activity.pes),
        register_bits=len(made.flops),
        longest_path_ns=timing.longest_ns,
        longest_path=tuple(timing.longest),
        events_pj=events,
        hottest_nets=nets,
        hottest_cells=hot,
        seconds={"map": mapping_s, "simulate": simulating_s, "power": timing_s + time.perf_counter() - begin},
    )


def _saif(made: circuit.Circuit, activity: bench.Activity, changed: energy.Toggles, clock_mhz: float) -> str:
    return saif_file.text(made, activity, changed, clock_mhz) + "\n"


def _window(cycles: tuple[int, int] | str | None, total: int) -> tuple[int, int]:
    """The cycles counted, as `trace` takes them."""
    if cycles is None:
        return 1, total + 1
    given: Any = cycles
    if isinstance(cycles, str):
        start, colon, end = cycles.partition(":")
        if not (colon and start.strip().isdecimal() and end.strip().isdecimal()):
            raise EieError(f"cycles {cycles}: is not A:B, for instance 3000:3200")
        given = int(start), int(end)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise EieError(f"cycles = {shown(cycles)}: needs (first, end), such as (3000, 3200)")
    first, behind = (whole("cycles", bound, 0) for bound in given)
    if first < 1 or behind <= first:
        raise EieError(f"cycles {first}:{behind}: holds none; cycles are numbered from 1 and the end is left out")
    if first > total:
        raise EieError(f"cycles {first}:{behind}: the run ends in cycle {total:,}")
    return first, min(behind, total + 1)


power = power_rtl
"""As `eiesim.rtl.power`."""
