"""The published comparison: Figs. 6 and 7 recomputed from Table IV and the published watts, and where they disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log

from eiesim.paper.source import LAYERS, constant, read

PLATFORMS = {"CPU": "i7", "GPU": "Titan X", "mGPU": "TK1"}
"""The paper's short names, and the names of the watts' table."""

SERIES = ("CPU dense", "CPU comp", "GPU dense", "GPU comp", "mGPU dense", "mGPU comp")
"""The baselines at batch 1, as Figs. 6 and 7 name them: `comp` is the pruned matrix, sparse."""

EIE = "EIE"

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
def _times() -> Mapping[tuple[str, int, str, str], Printed]:
    return {
        (row["platform"].split()[0], int(row["batch"]), row["matrix"], layer): Printed.of(row[layer])
        for row in read("eie_table4_time_us.csv")
        for layer in LAYERS
    }


def _key(series: str) -> tuple[str, str]:
    platform, _, matrix = series.partition(" ")
    if platform == EIE:
        return EIE, "actual"
    return platform, {"dense": "dense", "comp": "sparse"}[matrix]


def time_us(series: str, layer: str, batch: int = 1) -> float:
    """Table IV: time of a frame. series: of `SERIES`, or EIE ("actual"). Raises KeyError for what is not there."""
    return _time(series, layer, batch).value


def _time(series: str, layer: str, batch: int = 1) -> Printed:
    platform, matrix = _key(series)
    return _times()[platform, batch, matrix, layer]


def theoretical_us(layer: str) -> float:
    """Table IV: EIE with perfect load balance."""
    return _times()[EIE, 1, "theoretical", layer].value


@cache
def _watts() -> Mapping[tuple[str, str], Printed]:
    rows = read("deep_compression_table9_watts.csv")
    return {(row["platform"], layer): Printed.of(row[layer]) for row in rows for layer in row if layer != "platform"}


def _watt(series: str, layer: str, batch: int = 1) -> Printed | None:
    platform, matrix = _key(series)
    if platform == EIE:
        return Printed(constant("fig7_eie_power_w"), 0.0005)
    return _watts().get((f"{PLATFORMS[platform]} {matrix} b{batch}", layer))


def power_w(series: str, layer: str, batch: int = 1) -> float | None:
    """Deep Compression, Table 9; for EIE the 0.6 W of Fig. 7; None for NeuralTalk, whose watts are not published."""
    watt = _watt(series, layer, batch)
    return None if watt is None else watt.value


def implied_cpu_power_w(layer: str) -> float:
    """CPU power on a NeuralTalk layer that Fig. 7's EIE bar implies, with the EIE times of Fig. 6 (an inference)."""
    saved = _bars("eie_fig7_energy_efficiency.csv")[EIE, layer].value
    return saved * fig6_time_us(layer) * constant("fig7_eie_power_w") / time_us("CPU dense", layer)


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
        _bar(printed, layer, series, [_time("CPU dense", layer)], [_time(series, layer)], "Table IV gives {:.1f}")
        for (series, layer), printed in _bars("eie_fig6_speedup.csv").items()
        if layer in LAYERS
    ]


def fig7() -> list[Bar]:
    """Energy efficiency over the CPU, dense, batch 1: Table IV x watts; NeuralTalk has no watts."""
    made = []
    for (series, layer), printed in _bars("eie_fig7_energy_efficiency.csv").items():
        if layer not in LAYERS:
            continue
        above, below = _watt("CPU dense", layer), _watt(series, layer)
        if above is None or below is None:
            note = "the baselines' watts on NeuralTalk were never published"
            made.append(Bar(layer, series, printed.value, None, None, note))
            continue
        times = _time("CPU dense", layer), _time(series, layer)
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
    return _bars(name)[series, "geomean"].value


def headlines() -> list[Headline]:
    """The abstract's means. Fig. 7's take its printed NeuralTalk bars, for which no watts were published."""
    made = []
    for name, key in (("CPU", "cpu"), ("GPU", "gpu"), ("mGPU", "mgpu")):
        series = f"{name} dense"
        ratios = [[time_us(series, layer) / eie(layer) for layer in LAYERS] for eie in (_table4_us, fig6_time_us)]
        table4, with_figure = (geomean(ratio) for ratio in ratios)
        made.append(Headline(f"speed-up over {name}", constant(f"headline_speedup_{key}"), table4, with_figure))
    means = {series: geomean(_recomputed_or_printed(series)) for series in ("GPU dense", "mGPU dense", EIE)}
    for name, key in (("CPU", "cpu"), ("GPU", "gpu"), ("mGPU", "mgpu")):
        ratio = means[EIE] / means.get(f"{name} dense", 1.0)
        made.append(Headline(f"energy efficiency over {name}", constant(f"headline_energy_{key}"), None, ratio))
    return made


def _table4_us(layer: str) -> float:
    return time_us(EIE, layer)


def _recomputed_or_printed(series: str) -> list[float]:
    return [bar.recomputed or bar.printed for bar in fig7() if bar.series == series]


def geomean(values: Sequence[float]) -> float:
    """Geometric mean of positive values."""
    return exp(sum(log(value) for value in values) / len(values))


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
    lines.append(
        "Fig. 7 on NeuralTalk (18 bars) cannot be recomputed: the baselines' watts were never published; what it "
        "implies for the CPU, dense, is "
        + ", ".join(f"{implied_cpu_power_w(layer):.1f} W on {layer}" for layer in LAYERS if layer.startswith("NT"))
    )
    lines.append(
        "EIE's power: Fig. 7 was drawn with 0.600 W; Table II and the LNZD nodes give 0.5865 W, Table V 0.59 W"
    )
    return lines
