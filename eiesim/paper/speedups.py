"""The published comparison: Figs. 6 and 7 recomputed from Table IV and the published watts, and where they disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log

from eiesim._sums import added
from eiesim.paper.source import LAYERS, TABLE_V_EIE, constant, pe_power_mw, platforms, read

PLATFORMS = {"CPU": "i7", "GPU": "Titan X", "mGPU": "TK1"}
"""The paper's short names, and the names of the watts' table."""

EIE = "EIE"

CPU = "CPU dense"
"""The baseline that all others are set over, at batch 1."""

GEOMEAN = "geomean"
"""In place of a layer's name: the geometric mean over the layers."""


@dataclass(frozen=True)
class Baseline:
    """A machine and its matrix. machine: a key of `PLATFORMS`, or EIE. matrix: a value of Table IV's column."""

    machine: str
    matrix: str


BASELINES: Mapping[str, Baseline] = {
    f"{machine} {label}": Baseline(machine, matrix)
    for machine in PLATFORMS
    for label, matrix in (("dense", "dense"), ("comp", "sparse"))
}
"""The baselines by the names that Figs. 6 and 7 give them: `comp` is the pruned matrix, sparse."""

SERIES = tuple(BASELINES)
"""The names of the baselines, in the figures' order."""

DENSE = {baseline.machine: name for name, baseline in BASELINES.items() if baseline.matrix == "dense"}
"""Each machine's baseline with the dense matrix, which the abstract's means are over."""

FIG6_TIMES = {"NT-We": "fig6_nt_we_time_us", "NT-LSTM": "fig6_nt_lstm_time_us"}
"""The layers of which Fig. 6 implies another EIE time than Table IV prints."""


@dataclass(frozen=True)
class Printed:
    """A figure as printed: half its last digit is how far the truth may be."""

    value: float
    half_digit: float

    @classmethod
    def of(cls, text: str) -> "Printed":
        """From the printed digits."""
        decimals = len(text.partition(".")[2])
        return cls(float(text), 0.5 * 10.0**-decimals)


@dataclass(frozen=True)
class Bar:
    """A bar of Fig. 6 or 7: as printed, and recomputed; None where a watt it needs was never published.

    within_rounding: whether some times and watts that print as published give a bar that prints as this one does.
    """

    layer: str
    series: str
    printed: float
    recomputed: float | None
    within_rounding: bool | None
    note: str


@dataclass(frozen=True)
class Headline:
    """A claim: as printed, from Table IV as it stands, and with the two NeuralTalk times that Fig. 6 implies."""

    claim: str
    printed: float
    table4: float | None
    with_figure: float


@cache
def _times() -> Mapping[tuple[Baseline, int, str], Printed]:
    return {
        (Baseline(row["machine"], row["matrix"]), int(row["batch"]), layer): Printed.of(row[layer])
        for row in read("eie_table4_time_us.csv")
        for layer in LAYERS
    }


def _baseline(series: str) -> Baseline:
    return Baseline(EIE, "actual") if series == EIE else BASELINES[series]


def time_us(series: str, layer: str, batch: int = 1) -> float:
    """Table IV: time of a frame. series: of `SERIES`, or EIE ("actual"). Raises KeyError for what is not there."""
    return _time(series, layer, batch).value


def _time(series: str, layer: str, batch: int = 1) -> Printed:
    return _times()[_baseline(series), batch, layer]


def theoretical_us(layer: str) -> float:
    """Table IV: EIE with perfect load balance."""
    return _times()[Baseline(EIE, "theoretical"), 1, layer].value


@cache
def _watts() -> Mapping[tuple[Baseline, int, str], Printed]:
    machines = {platform: machine for machine, platform in PLATFORMS.items()}
    return {
        (Baseline(machines[row["platform"]], row["matrix"]), int(row["batch"]), layer): Printed.of(row[layer])
        for row in read("deep_compression_table9_watts.csv")
        for layer in LAYERS
        if layer in row
    }


def _watt(series: str, layer: str, batch: int = 1) -> Printed | None:
    if series == EIE:
        return Printed(constant("fig7_eie_power_w"), 0.0005)
    return _watts().get((BASELINES[series], batch, layer))


def power_w(series: str, layer: str, batch: int = 1) -> float | None:
    """Deep Compression, Table 9; for EIE the 0.6 W of Fig. 7; None for NeuralTalk, whose watts are not published."""
    watt = _watt(series, layer, batch)
    return None if watt is None else watt.value


def implied_cpu_power_w(layer: str) -> float:
    """CPU power on a NeuralTalk layer that Fig. 7's EIE bar implies, with the EIE times of Fig. 6 (an inference)."""
    saved = _bars("eie_fig7_energy_efficiency.csv")[EIE, layer].value
    return saved * fig6_time_us(layer) * constant("fig7_eie_power_w") / time_us(CPU, layer)


def fig6_time_us(layer: str) -> float:
    """EIE's time as Fig. 6 has it: Table IV's but for NT-We and NT-LSTM."""
    return constant(FIG6_TIMES[layer]) if layer in FIG6_TIMES else time_us(EIE, layer)


@cache
def _bars(name: str) -> Mapping[tuple[str, str], Printed]:
    rows = read(name)
    return {(row["series"], key): Printed.of(row[key]) for row in rows for key in row if key != "series"}


def fig6() -> list[Bar]:
    """Speed-up over the CPU, dense, batch 1: every bar recomputed from Table IV."""
    return [
        _bar(printed, layer, series, [_time(CPU, layer)], [_time(series, layer)], "Table IV gives {:.1f}")
        for (series, layer), printed in _bars("eie_fig6_speedup.csv").items()
        if layer in LAYERS
    ]


def fig7() -> list[Bar]:
    """Energy efficiency over the CPU, dense, batch 1: Table IV x watts; NeuralTalk has no watts."""
    made = []
    for (series, layer), printed in _bars("eie_fig7_energy_efficiency.csv").items():
        if layer not in LAYERS:
            continue
        above, below = _watt(CPU, layer), _watt(series, layer)
        if above is None or below is None:
            note = "the baselines' watts on NeuralTalk were never published"
            made.append(Bar(layer, series, printed.value, None, None, note))
            continue
        times = _time(CPU, layer), _time(series, layer)
        made.append(_bar(printed, layer, series, [times[0], above], [times[1], below], "Table IV x watts: {:.1f}"))
    return made


def _bar(
    printed: Printed, layer: str, series: str, above: Sequence[Printed], below: Sequence[Printed], note: str
) -> Bar:
    value, least, most = 1.0, 1.0, 1.0
    for part in above:
        value, least, most = (
            value * part.value,
            least * (part.value - part.half_digit),
            most * (part.value + part.half_digit),
        )
    for part in below:
        value, least, most = (
            value / part.value,
            least / (part.value + part.half_digit),
            most / (part.value - part.half_digit),
        )
    fits = least <= printed.value + printed.half_digit and most >= printed.value - printed.half_digit
    return Bar(layer, series, printed.value, value, fits, "" if fits else note.format(value))


def printed_geomean(figure: int, series: str) -> float:
    """The geometric mean that Fig. 6 or 7 prints."""
    name = {6: "eie_fig6_speedup.csv", 7: "eie_fig7_energy_efficiency.csv"}[figure]
    return _bars(name)[series, GEOMEAN].value


def headlines() -> list[Headline]:
    """The abstract's means. Fig. 7's take its printed NeuralTalk bars, for which no watts were published."""
    made = []
    for name, series in DENSE.items():
        ratios = [[time_us(series, layer) / eie(layer) for layer in LAYERS] for eie in (_table4_us, fig6_time_us)]
        table4, with_figure = (geomean(ratio) for ratio in ratios)
        made.append(Headline(f"speed-up over {name}", headline_speedup(name), table4, with_figure))
    means = {series: geomean(_recomputed_or_printed(series)) for series in (*DENSE.values(), EIE) if series != CPU}
    for name, series in DENSE.items():
        ratio = means[EIE] / means.get(series, 1.0)
        made.append(Headline(f"energy efficiency over {name}", headline_energy(name), None, ratio))
    return made


def headline_speedup(machine: str) -> float:
    """The printed geometric mean of EIE's speed-up. machine: a key of `DENSE`."""
    return constant(f"headline_speedup_{machine.lower()}")


def headline_energy(machine: str) -> float:
    """The printed geometric mean of EIE's energy efficiency. machine: a key of `DENSE`."""
    return constant(f"headline_energy_{machine.lower()}")


def _table4_us(layer: str) -> float:
    return time_us(EIE, layer)


def _recomputed_or_printed(series: str) -> list[float]:
    return [bar.recomputed or bar.printed for bar in fig7() if bar.series == series]


def geomean(values: Sequence[float]) -> float:
    """Geometric mean of positive values."""
    return exp(added(log(value) for value in values) / len(values))


def inconsistencies() -> list[str]:
    """What the paper says in two ways, one line each; computed, so that nothing is hidden."""
    lines = [
        f"Fig. {figure}, {bar.series} on {bar.layer}: printed {bar.printed:g}, {bar.note}"
        for figure, bars in ((6, fig6()), (7, fig7()))
        for bar in bars
        if bar.within_rounding is False
    ]
    for layer, key in FIG6_TIMES.items():
        lines.append(
            f"{layer}: Table IV prints {time_us(EIE, layer):g} µs for EIE, Fig. 6 (and Fig. 7) imply {constant(key):g}"
        )
    for line in headlines():
        if line.table4 is not None and round(line.table4) != line.printed:
            lines.append(
                f"{line.claim}, geometric mean: printed {line.printed:g}, Table IV gives {line.table4:.1f}, with the "
                f"two times that Fig. 6 implies {line.with_figure:.1f}"
            )
    unknown = [bar for bar in fig7() if bar.recomputed is None]
    layers = [layer for layer in LAYERS if power_w(CPU, layer) is None]
    lines.append(
        f"Fig. 7 on NeuralTalk ({len(unknown)} bars) cannot be recomputed: the baselines' watts were never published; "
        "what it implies for the CPU, dense, is "
        + ", ".join(f"{implied_cpu_power_w(layer):.1f} W on {layer}" for layer in layers)
    )
    lines.append(
        f"EIE's power: Fig. 7 was drawn with {constant('fig7_eie_power_w'):.3f} W; Table II and the LNZD nodes give "
        f"{table2_power_w():.4f} W, Table V {platforms()[TABLE_V_EIE]['W']} W"
    )
    return lines


def table2_power_w() -> float:
    """Power of the published machine by Table II: its PEs and its LNZD nodes."""
    pes_mw = constant("published_pes") * pe_power_mw()
    return (pes_mw + constant("published_lnzd_nodes") * constant("lnzd_node_power_mw")) * 1e-3
