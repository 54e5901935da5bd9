"""Tables I to V, each figure with ours beside it, and the correlation with Table IV."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eiesim.config import MachineConfig
from eiesim.energy.area import Platform, modelled_area, project_28nm, published_area
from eiesim.energy.check import against_table2
from eiesim.energy.events import default_table
from eiesim.energy.model import reference_energy
from eiesim.energy.operations import operation_pj
from eiesim.energy.sram import sram
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import TABLE_V_LAYER, TABLE_V_PES
from eiesim.reproduction.items import FC8, UNIFORM, VARIATIONS, VARIED, ItemRow, PaperItem, Spread
from eiesim.reproduction.simulations import FC8_DEPTHS, FC8_WIDTHS, Simulations

BOTH = (UNIFORM, VARIED)
MODEL = "eiesim"


def table_items(runs: Simulations) -> list[PaperItem]:
    """Tables I to V, those behind them, and the correlation."""
    made = [table1(), table2(), table3(runs), table4(runs), correlation(runs), table4_baselines()]
    if TABLE_V_LAYER in runs.layers:
        made += [table5(runs), table5_platforms()]
    if runs.has_dump:
        made.append(authors_simulator(runs))
    return made


def once(value: float) -> Spread:
    """A figure that no seed enters."""
    return Spread(value, value, value, 1)


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
            {MODEL: once(cacti)},
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
    return PaperItem("table_1", "Table I: energy of operations at 45 nm", tuple(rows), (MODEL,), text)


def _input(item: str, printed: float, ours: float) -> ItemRow:
    return ItemRow(item, "energy, pJ", printed, {MODEL: once(ours)}, "input")


def table2() -> PaperItem:
    """Power and area of a PE. Power: the activity model on AlexNet-FC8's counters."""
    rows = [
        ItemRow(
            f"{check.kind}: {check.name}" if check.kind != "PE" else "PE: total", "power, mW", check.published_mw,
            {MODEL: once(check.activity_mw)}, "estimated", note=check.cause,
        )
        for check in against_table2()
    ]  # fmt: skip
    printed, ours = published_area(1).pe_um2, modelled_area(MachineConfig(pes=1)).pe_um2
    for name, um2 in printed.items():
        rows.append(ItemRow(f"module: {name}", "area, µm²", um2, {MODEL: once(ours[name])}, "estimated"))
    total = once(sum(ours.values()))
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
    return PaperItem("table_2", "Table II: power and area of one PE", tuple(rows), (MODEL,), text)


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
    return PaperItem("table_3", "Table III: the benchmark layers", tuple(rows), BOTH, text)


def theoretical(row: dict[str, Any]) -> float:
    """Time with perfect load balance, in microseconds."""
    return float(row["theoretical_us"])


def actual(row: dict[str, Any]) -> float:
    """Time, in microseconds."""
    return float(row["time_us"])


def imbalance(row: dict[str, Any]) -> float:
    """Time over time with perfect load balance."""
    return float(row["time_us"] / row["theoretical_us"])


def printed_time(kind: str, layer: str) -> float:
    """Table IV. kind: theoretical, actual, or actual / theoretical."""
    least, most = published.theoretical_us(layer), published.time_us(published.EIE, layer)
    return {"theoretical": least, "actual": most, "actual / theoretical": most / least}[kind]


KINDS = {"theoretical": theoretical, "actual": actual, "actual / theoretical": imbalance}


def table4(runs: Simulations) -> PaperItem:
    """EIE's times."""
    rows = []
    for kind, value in KINDS.items():
        quantity = kind if "/" in kind else f"{kind} time, µs"
        basis = "derived" if "/" in kind else "published"
        for layer in runs.layers:
            ours = runs.both(value, layer)
            if layer == "Alex-8" and runs.has_dump:
                ours[FC8] = runs.spread(value, FC8, None)
            note = _NOTES.get(layer, "") or (_ACTUAL_NOTES.get(layer, "") if kind == "actual" else "")
            rows.append(ItemRow(layer, quantity, printed_time(kind, layer), ours, published_basis=basis, note=note))
    text = (
        "64 PEs, 800 MHz, queue depth 8. Theoretical time is work with perfect load balance, padding included: "
        "entries / PEs / clock. The paper's weights were never published, so layers are random at Table III's "
        "densities; nothing is fitted to this table.",
    )
    series = (*BOTH, FC8) if runs.has_dump else BOTH
    return PaperItem("table_4", "Table IV: time of EIE", tuple(rows), series, text)


_NOTES = {
    "Alex-8": "the authors' sample has 42.9 % active inputs, Table III says 37.5 %",
    "VGG-6": "Table IV prints Alex-6's theoretical time; Table III's densities give 14.7 µs before padding",
}
_ACTUAL_NOTES = {"NT-We": "Fig. 6 implies 9.6 µs", "NT-LSTM": "Fig. 6 implies 7.84 µs"}


def correlation(runs: Simulations) -> PaperItem:
    """Mean absolute percentage error and rank correlation against Table IV, of each seed's nine layers."""
    from scipy.stats import spearmanr

    rows = []
    for kind, value in KINDS.items():
        truth = np.array([printed_time(kind, layer) for layer in runs.layers])
        errors, of_means, ranks = {}, {}, {}
        for name, variation in VARIATIONS.items():
            by_layer = np.array([[value(row) for row in runs.rows(layer, variation)] for layer in runs.layers])
            per_seed = [100 * float(np.abs(one / truth - 1).mean()) for one in by_layer.T]
            errors[name] = Spread.of(per_seed)
            means = by_layer.mean(axis=1)
            of_means[name] = once(100 * float(np.abs(means / truth - 1).mean()))
            if len(truth) > 2:
                ranks[name] = Spread.of([float(spearmanr(one, truth).statistic) for one in by_layer.T])
        rows += [
            ItemRow(kind, "MAPE of the mean over seeds, %", None, of_means),
            ItemRow(kind, "MAPE of a seed, %", None, errors),
            ItemRow(kind, "rank correlation (Spearman)", None, ranks),
        ]
    text = ("Over the layers of Table IV. MAPE: mean absolute percentage error.",)
    return PaperItem("correlation", "Correlation of simulated with published time", tuple(rows), BOTH, text)


def table4_baselines() -> PaperItem:
    """The CPU and GPU rows, published only."""
    rows = [
        ItemRow(
            f"{row['platform']}, {row['matrix']}", "time of a frame, µs", float(row[layer]), at=f"{layer}, batch {b}"
        )
        for row in source.read("eie_table4_time_us.csv")
        if (b := row["batch"]) and not row["platform"].startswith(published.EIE)
        for layer in source.LAYERS
    ]
    text = (
        "These are measurements of machines that a simulator of EIE does not reproduce; they enter Figs. 6 and 7 as "
        "published. eiesim compare --baselines measured measures the machine at hand.",
    )
    return PaperItem("table_4_baselines", "Table IV: the baselines", tuple(rows), (), text)


def table5(runs: Simulations) -> PaperItem:
    """The platforms' figures; EIE's two columns with ours."""
    printed = {row["property"]: row for row in source.read("eie_table5_platforms.csv")}
    eie = {"EIE 64PE": (MachineConfig().pes, False), "EIE 256PE 28nm": (TABLE_V_PES, True)}
    names = [*eie, *(name for name in printed["year"] if name != "property" and name not in eie)]
    rows = []
    for quantity, column, value in _PLATFORM_FIGURES:
        for name in names:
            ours = {}
            if name in eie:
                pes, projected = eie[name]
                for series, v in VARIATIONS.items():
                    machines = [_platform(row, pes, projected) for row in runs.rows(TABLE_V_LAYER, v, pes=pes)]
                    ours[series] = Spread.of([value(machine) for machine in machines])
            text = printed[column][name]
            known = text if text == "-" else float(text)
            rows.append(ItemRow(name, quantity, known, ours, "simulated" if column == "frames/s" else "estimated"))
    text_ = (
        f"On {TABLE_V_LAYER}. Power and with it frames a joule are the activity model's; area is CACTI's for the "
        "memories. The second machine is simulated with 256 PEs at 800 MHz, then projected from 45 to 28 nm by the "
        "rule that Table V implies: delay / 1.6, area / 1.6², the same power. The paper multiplies power by four and "
        "throughput by 3.25, its own figure for 256 PEs.",
        "The other platforms are published only.",
    )
    return PaperItem("table_5", "Table V: platforms on AlexNet FC7", tuple(rows), BOTH, text_)


def table5_platforms() -> PaperItem:
    """What the platforms are; published only."""
    figures = {column for _, column, _ in _PLATFORM_FIGURES}
    rows = [
        ItemRow(name, row["property"], row[name])
        for row in source.read("eie_table5_platforms.csv")
        if row["property"] not in figures
        for name in row
        if name != "property"
    ]
    return PaperItem("table_5_platforms", "Table V: the platforms", tuple(rows), (), ("Published only.",))


_PLATFORM_FIGURES: Sequence[tuple[str, str, Callable[[Platform], float]]] = (
    ("frames a second", "frames/s", lambda one: one.frames_per_s),
    ("power, W", "W", lambda one: one.power_w),
    ("area, mm²", "mm^2", lambda one: one.area_mm2 or 0.0),
    ("frames a second and mm²", "fr/s/mm^2", lambda one: one.frames_per_s_mm2 or 0.0),
    ("frames a joule", "frames/J", lambda one: one.frames_per_j),
)


def _platform(row: dict[str, Any], pes: int, projected: bool) -> Platform:
    area = modelled_area(MachineConfig(pes=pes)).total_mm2
    made = Platform("EIE", "simulated", 45, row["time_us"], row["energy_power_w"], area)
    return project_28nm(made) if projected else made


def authors_simulator(runs: Simulations) -> PaperItem:
    """AlexNet-FC8, run by run beside the authors' own simulator: these must be equal."""
    asked = {"queue_depth": FC8_DEPTHS, "spmat_width": FC8_WIDTHS}
    rows = []
    for line in source.read("alexnet_fc8_authors_simulator.csv"):
        key, _, text = line["setting"].partition("=")
        if int(text) not in asked[key]:
            continue
        changes: dict[str, Any] = {"queue_depth": 7, "arithmetic": "float32", key: int(text)}
        name = line["quantity"]
        ours = {FC8: once(runs.rows(FC8, None, **changes)[0][name])}
        at = f"{key} {text}"
        rows.append(ItemRow(FC8, name, float(line["value"]), ours, published_basis="authors' simulator", at=at))
    text_ = (
        "The one benchmark layer whose weights were published, on the simulator's machine (queue depth 7, float32).",
    )
    return PaperItem("alexnet_fc8", "AlexNet-FC8 against the authors' simulator", tuple(rows), (FC8,), text_)
