"""Tables I to V, each figure with ours beside it, and the correlation with Table IV."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.config import MachineConfig
from eiesim.energy.area import Platform, modelled_area, project_28nm, published_area
from eiesim.energy.check import against_table2
from eiesim.energy.events import default_table
from eiesim.energy.model import reference_energy
from eiesim.energy.operations import operation_pj
from eiesim.energy.sram import sram
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import TABLE_V_EIE, TABLE_V_EIE_28NM, TABLE_V_LAYER, TABLE_V_PES, technology_nm
from eiesim.reproduction.items import (
    BOTH,
    FC8,
    FC8_LAYER,
    MODEL,
    VARIATIONS,
    Agreement,
    AgreementKey,
    ItemRow,
    PaperItem,
    Spread,
    Time,
)
from eiesim.reproduction.simulations import FC8_DEPTHS, FC8_WIDTHS, Simulations
from eiesim.workloads import TABLE_III


def table_items(runs: Simulations) -> list[PaperItem]:
    """Tables I to V, those behind them, and the correlation."""
    made = [table1(), table2(), table3(runs), table4(runs), correlation(runs), table4_baselines()]
    if TABLE_V_LAYER in runs.layers:
        made += [table5(runs), table5_platforms()]
    if runs.has_dump:
        made.append(authors_simulator(runs))
    return made


def table1() -> PaperItem:
    """Energy of operations at 45 nm."""
    printed, events = operation_pj(), default_table().pj
    cacti = sram(32 * 1024, 32).read_energy_pj
    note = "CACTI 7, 45 nm, low operating power; the paper's is Horowitz's 8 KB cache, halved"
    rows = [
        _input("32-bit int add", printed["int32 add"], events.add_fixed32),
        _input("32-bit float add", printed["float32 add"], events.add_float32),
        _input("32-bit int multiply", printed["int32 multiply"], events.multiply_fixed32),
        _input("32-bit float multiply", printed["float32 multiply"], events.multiply_float32),
        ItemRow(
            "32-bit read of a 32 KB SRAM",
            "energy, pJ",
            printed["SRAM 32KB read 32b"],
            {MODEL: Spread.once(cacti)},
            "estimated",
            note=note,
        ),
        ItemRow(
            "32-bit DRAM read (LPDDR2)", "energy, pJ", printed["DRAM (LPDDR2) read 32b"], note="no DRAM is simulated"
        ),
    ]
    text = (
        "The operations are inputs: the activity model of energy takes the paper's own figures, so there is no error "
        "to show. SRAM energies come from CACTI instead.",
    )
    return PaperItem("table_1", "Table I", "energy of operations at 45 nm", tuple(rows), (MODEL,), text)


def _input(item: str, printed: float, ours: float) -> ItemRow:
    return ItemRow(item, "energy, pJ", printed, {MODEL: Spread.once(ours)}, "input")


def table2() -> PaperItem:
    """Power and area of a PE. Power: the activity model on AlexNet-FC8's counters."""
    rows = [
        ItemRow(
            f"{check.kind}: {check.name}" if check.kind != "PE" else "PE: total", "power, mW", check.published_mw,
            {MODEL: Spread.once(check.activity_mw)}, "estimated", note=check.cause,
        )
        for check in against_table2()
    ]  # fmt: skip
    printed, ours = published_area(1).pe_um2, modelled_area(MachineConfig(pes=1)).pe_um2
    for name, um2 in printed.items():
        rows.append(ItemRow(f"module: {name}", "area, µm²", um2, {MODEL: Spread.once(ours[name])}, "estimated"))
    total = Spread.once(sum(ours.values()))
    rows.append(ItemRow("PE: total", "area, µm²", source.pe_area_um2(), {MODEL: total}, "estimated"))
    rows += [
        ItemRow(f"component: {name}", "area, µm²", um2, note="SRAM is CACTI's; the logic is spread from this table")
        for name, um2 in source.component_area_um2().items()
        if name != "filler"
    ]
    energy = reference_energy("activity")
    text = (
        "Power is the activity model's on AlexNet-FC8 (its stored counters, exact) with energies an event from Table "
        "I, CACTI 7 and Horowitz; nothing is fitted but the clock network, which is Table II's own by construction. "
        f"The whole machine draws {energy.power_w:.3f} W.",
        "Area is CACTI's for the memories; the logic is Table II's spread over register bits.",
    )
    return PaperItem("table_2", "Table II", "power and area of one PE", tuple(rows), (MODEL,), text)


def table3(runs: Simulations) -> PaperItem:
    """Densities of the layers as made."""
    printed = {row["layer"]: row for row in source.read("eie_table3_layers.csv")}
    kinds: Sequence[tuple[str, str, Callable[[dict[str, Any]], float]]] = (
        ("weight density, %", "weight_density_pct", lambda row: 100 * row["weight_density"]),
        ("activation density, %", "activation_density_pct", lambda row: 100 * row["activation_density"]),
        ("multiply-accumulates of dense, %", "flop_pct", lambda row: 100 * row["macs"] / (row["rows"] * row["cols"])),
    )
    rows = []
    for quantity, column, value in kinds:
        for layer in runs.layers:
            known, ours = float(printed[layer][column]), runs.both(value, layer)
            same = column == "flop_pct" and all(round(one.mean) == known for one in ours.values())
            rows.append(ItemRow(layer, quantity, known, ours, note="rounds to what is printed" if same else ""))
    text = (
        "Densities of weights and activations are inputs, so their error is the scatter of a finite random layer. "
        "FLOP % follows from them; the paper prints it in whole percent, and for some layers not as the product.",
    )
    return PaperItem(
        "table_3",
        "Table III",
        "the benchmark layers",
        tuple(rows),
        BOTH,
        text,
        restates="the densities that are put in",
    )


FIGURES: Mapping[Time, Callable[[dict[str, Any]], float]] = {
    Time.THEORETICAL: lambda row: float(row["theoretical_us"]),
    Time.ACTUAL: lambda row: float(row["time_us"]),
    Time.IMBALANCE: lambda row: float(row["time_us"] / row["theoretical_us"]),
}
"""The figures of Table IV, of a simulated run: times in microseconds, and their ratio."""


def printed_time(time: Time, layer: str) -> float:
    """Table IV: a time in microseconds, or the ratio of the two."""
    least, most = published.theoretical_us(layer), published.time_us(published.EIE, layer)
    return {Time.THEORETICAL: least, Time.ACTUAL: most, Time.IMBALANCE: most / least}[time]


def table4(runs: Simulations) -> PaperItem:
    """EIE's times."""
    rows = []
    for time, value in FIGURES.items():
        ratio = time is Time.IMBALANCE
        for layer in runs.layers:
            ours = runs.both(value, layer)
            if layer == FC8_LAYER and runs.has_dump:
                ours[FC8] = runs.spread(value, FC8, None)
            note = _oddity(layer)
            if not note and time is Time.ACTUAL and layer in published.FIG6_TIMES:
                note = f"Fig. 6 implies {published.fig6_time_us(layer):g} µs"
            rows.append(
                ItemRow(
                    layer, time.value if ratio else f"{time.value} time, µs", printed_time(time, layer), ours,
                    published_basis="derived" if ratio else "published", note=note, key=time,
                )
            )  # fmt: skip
    machine = MachineConfig()
    text = (
        f"{machine.pes} PEs, {machine.clock_mhz:g} MHz, queue depth {machine.queue_depth}. Theoretical time is work "
        "with perfect load balance, padding included: entries / PEs / clock. The paper's weights were never "
        "published, so layers are random at Table III's densities; nothing is fitted to this table.",
    )
    series = (*BOTH, FC8) if runs.has_dump else BOTH
    return PaperItem("table_4", "Table IV", "time of EIE", tuple(rows), series, text)


def _oddity(layer: str) -> str:
    """Why Table IV cannot be met on a layer, where the paper itself shows it; else nothing."""
    if layer == FC8_LAYER:
        return (
            f"the authors' sample has {active_inputs_pct():.1f} % active inputs, Table III says "
            f"{printed_active_pct(layer):g} %"
        )
    if layer in SAME_AS:
        return (
            f"Table IV prints {SAME_AS[layer]}'s theoretical time; Table III's densities give "
            f"{work_us(layer):.1f} µs before padding"
        )
    return ""


SAME_AS = {"VGG-6": "Alex-6"}
"""The layer of which Table IV prints another layer's theoretical time, and that other layer."""


def active_inputs_pct() -> float:
    """Active inputs of the AlexNet-FC8 that the authors shipped, in per cent."""
    return 100 * source.constant("alexnet_fc8_active_inputs") / source.constant("alexnet_fc8_inputs")


def printed_active_pct(layer: str) -> float:
    """Table III: active inputs in per cent."""
    return 100 * TABLE_III[layer].activation_density


def work_us(layer: str) -> float:
    """Time of a layer's multiply-accumulates at Table III's densities, spread evenly over the published machine."""
    one, machine = TABLE_III[layer], MachineConfig()
    macs = one.rows * one.cols * one.weight_density * one.activation_density
    return macs / machine.pes / machine.clock_mhz


def _spearman(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Spearman's rank correlation: as SciPy's, whose statistics take a third of a second to import."""
    import pandas as pd

    ranks = pd.DataFrame({"one": one, "other": other}).rank().to_numpy()
    return float(np.corrcoef(ranks, rowvar=False)[1, 0])


def correlation(runs: Simulations) -> PaperItem:
    """Mean absolute percentage error and rank correlation against Table IV, of each seed's nine layers."""
    rows = []
    for time, value in FIGURES.items():
        truth = np.array([printed_time(time, layer) for layer in runs.layers])
        errors, of_means, ranks = {}, {}, {}
        for name, variation in VARIATIONS.items():
            by_layer = np.array([[value(row) for row in runs.rows(layer, variation)] for layer in runs.layers])
            per_seed = [100 * float(np.abs(one / truth - 1).mean()) for one in by_layer.T]
            errors[name] = Spread.of(per_seed)
            means = by_layer.mean(axis=1)
            of_means[name] = Spread.once(100 * float(np.abs(means / truth - 1).mean()))
            if len(truth) > 2:
                ranks[name] = Spread.of([_spearman(one, truth) for one in by_layer.T])
        for agreement, ours in (
            (Agreement.MAPE_OF_MEAN, of_means),
            (Agreement.MAPE_OF_SEED, errors),
            (Agreement.RANK, ranks),
        ):
            rows.append(ItemRow(time.value, agreement.value, None, ours, key=AgreementKey(time, agreement)))
    text = ("Over the layers of Table IV. MAPE: mean absolute percentage error.",)
    return PaperItem("correlation", "Correlation of simulated with published time", "", tuple(rows), BOTH, text)


def table4_baselines() -> PaperItem:
    """The CPU and GPU rows, published only."""
    rows = [
        ItemRow(
            f"{row['platform']}, {row['matrix']}", "time of a frame, µs", float(row[layer]), at=f"{layer}, batch {b}"
        )
        for row in source.read("eie_table4_time_us.csv")
        if (b := row["batch"]) and row["machine"] != published.EIE
        for layer in source.LAYERS
    ]
    text = (
        "These are measurements of machines that a simulator of EIE does not reproduce; they enter Figs. 6 and 7 as "
        "published. The command eiesim compare can measure the machine at hand.",
    )
    return PaperItem("table_4_baselines", "Table IV", "the baselines", tuple(rows), (), text, part=True)


def table5(runs: Simulations) -> PaperItem:
    """The platforms' figures; EIE's two columns with ours."""
    printed = source.platforms()
    eie = {TABLE_V_EIE: (MachineConfig().pes, False), TABLE_V_EIE_28NM: (TABLE_V_PES, True)}
    names = [*eie, *(name for name in printed if name not in eie)]
    rows = []
    for quantity, column, value in _PLATFORM_FIGURES:
        for name in names:
            ours = {}
            if name in eie:
                pes, projected = eie[name]
                for series, v in VARIATIONS.items():
                    machines = [_platform(row, pes, projected) for row in runs.rows(TABLE_V_LAYER, v, pes=pes)]
                    ours[series] = Spread.of([value(machine) for machine in machines])
            text = printed[name][column]
            known = text if text == "-" else float(text)
            rows.append(ItemRow(name, quantity, known, ours, "simulated" if column == "frames/s" else "estimated"))
    factor = source.constant("projection_factor")
    text_ = (
        f"On {TABLE_V_LAYER}. Power and with it frames a joule are the activity model's; area is CACTI's for the "
        f"memories. The second machine is simulated with {TABLE_V_PES} PEs at {MachineConfig().clock_mhz:g} MHz, then "
        f"projected from {technology_nm(TABLE_V_EIE)} to {technology_nm(TABLE_V_EIE_28NM)} nm by the rule that Table V "
        f"implies: delay / {factor:g}, area / {factor:g}², the same power. The paper multiplies power by four and "
        f"throughput by {source.constant('throughput_256_pes_over_64'):g}, its own figure for {TABLE_V_PES} PEs.",
        "The other platforms are published only.",
    )
    return PaperItem("table_5", "Table V", "platforms on AlexNet FC7", tuple(rows), BOTH, text_)


def table5_platforms() -> PaperItem:
    """What the platforms are; published only."""
    figures = {column for _, column, _ in _PLATFORM_FIGURES}
    platforms = source.platforms()
    properties = [name for name in platforms[TABLE_V_EIE] if name not in figures]
    rows = [ItemRow(name, key, cells[key]) for key in properties for name, cells in platforms.items()]
    return PaperItem("table_5_platforms", "Table V", "the platforms", tuple(rows), (), ("Published only.",), part=True)


_PLATFORM_FIGURES: Sequence[tuple[str, str, Callable[[Platform], float]]] = (
    ("frames a second", "frames/s", lambda one: one.frames_per_s),
    ("power, W", "W", lambda one: one.power_w),
    ("area, mm²", "mm^2", lambda one: one.area_mm2 or 0.0),
    ("frames a second and mm²", "fr/s/mm^2", lambda one: one.frames_per_s_mm2 or 0.0),
    ("frames a joule", "frames/J", lambda one: one.frames_per_j),
)


def _platform(row: dict[str, Any], pes: int, projected: bool) -> Platform:
    area = modelled_area(MachineConfig(pes=pes)).total_mm2
    made = Platform(published.EIE, "simulated", technology_nm(TABLE_V_EIE), row["time_us"], row["energy_power_w"], area)
    return project_28nm(made) if projected else made


def authors_simulator(runs: Simulations) -> PaperItem:
    """AlexNet-FC8, run by run beside the authors' own simulator: these must be equal."""
    asked = {"queue_depth": FC8_DEPTHS, "spmat_width": FC8_WIDTHS}
    rows = []
    for line in source.read("alexnet_fc8_authors_simulator.csv"):
        key, text = line["key"], line["key_value"]
        if int(text) not in asked[key]:
            continue
        changes: dict[str, Any] = {"queue_depth": 7, "arithmetic": "float32", key: int(text)}
        name = line["quantity"]
        ours = {FC8: Spread.once(runs.rows(FC8, None, **changes)[0][name])}
        at = f"{key} {text}"
        rows.append(ItemRow(FC8, name, float(line["value"]), ours, published_basis="authors' simulator", at=at))
    text_ = (
        "The one benchmark layer whose weights were published, on the simulator's machine (queue depth 7, float32).",
    )
    return PaperItem("alexnet_fc8", "AlexNet-FC8 against the authors' simulator", "", tuple(rows), (FC8,), text_)
