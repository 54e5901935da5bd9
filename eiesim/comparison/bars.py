"""The bars of Figs. 6 and 7, published and simulated, and the same over the CPU that was measured here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eiesim._sums import added
from eiesim.baselines.measurements import Measured, Measurement
from eiesim.comparison.records import Ratio
from eiesim.energy.record import Energy
from eiesim.layer_result import LayerResult
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.speedups import BASELINES, CPU, EIE, GEOMEAN, SERIES, geomean

SIMULATED, ESTIMATED = f"{EIE} simulated", f"{EIE} estimated"
"""EIE's bars here: times come from runs, energies from a model of them."""

TOTAL = "total"
"""All layers of one's own network together."""

PUBLISHED_MODEL = "published"
"""The energy model that is Table II's power times the time."""


@dataclass(frozen=True)
class Simulated:
    """A layer's run. energy: by the model asked for. by_table2: Table II's power times the time.

    others: runs of the same synthetic layer made with other seeds. Times and energies are means over all.
    """

    layer: LayerResult
    energy: Energy
    by_table2: Energy
    others: "tuple[Simulated, ...]" = ()

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def time_us(self) -> float:
        """Time of a frame."""
        return mean(self.times_us)

    @property
    def times_us(self) -> tuple[float, ...]:
        """Time of a frame by seed."""
        return tuple(one.layer.time_us for one in (self, *self.others))

    @property
    def energies_uj(self) -> tuple[float, ...]:
        """Energy of a frame by seed."""
        return tuple(one.energy.total_uj for one in (self, *self.others))

    @property
    def table2_uj(self) -> tuple[float, ...]:
        """Energy of a frame by Table II, by seed."""
        return tuple(one.by_table2.total_uj for one in (self, *self.others))

    @property
    def vectors(self) -> float:
        """Frames of the layer in one input of its network."""
        return self.layer.vectors


def mean(values: Sequence[float]) -> float:
    """The mean; a single value as it is."""
    return values[0] if len(values) == 1 else added(values) / len(values)


def spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The least and the most of several values; None, None of one."""
    return (min(values), max(values)) if len(values) > 1 else (None, None)


def _over(base: float, values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """`base` divided by the mean of the values, and the least and the most that one value alone gives.

    Least and most are None where there is only one value.
    """
    return base / mean(values), *spread([base / value for value in values])


def _ours(layer: str, series: str, basis: str, base: float, values: Sequence[float], note: str = "") -> Ratio:
    value, low, high = _over(base, values)
    return Ratio(layer, EIE, series, basis, value, note=note, low=low, high=high)


def speedup_bars(runs: Sequence[Simulated]) -> list[Ratio]:
    """Fig. 6 for these layers, which must all be of Table III."""
    names = [one.name for one in runs]
    own = [_ours(one.name, SIMULATED, "simulated", published.time_us(CPU, one.name), one.times_us) for one in runs]
    return [*_baseline(names), *_published(published.fig6(), names, 6), *_with_mean(own)]


def efficiency_bars(runs: Sequence[Simulated]) -> list[Ratio]:
    """Fig. 7 for these layers, which must all be of Table III. EIE twice: by Table II, and by the energy model."""
    names = [one.name for one in runs]
    rows = [*_baseline(names), *_published(published.fig7(), names, 7)]
    by_model = {f"{ESTIMATED}, Table II power": [one.table2_uj for one in runs]}
    if runs and runs[0].energy.model != PUBLISHED_MODEL:
        by_model[f"{ESTIMATED}, {runs[0].energy.model}"] = [one.energies_uj for one in runs]
    for series, energies in by_model.items():
        own = []
        for name, energies_uj in zip(names, energies, strict=True):
            watts = published.power_w(CPU, name)
            note = "" if watts is not None else "CPU power as Fig. 7 implies it; it was never published"
            watts = published.implied_cpu_power_w(name) if watts is None else watts
            own.append(_ours(name, series, "estimated", published.time_us(CPU, name) * watts, energies_uj, note))
        rows += _with_mean(own)
    return rows


def _baseline(names: Sequence[str]) -> list[Ratio]:
    """The CPU, dense, which is 1 everywhere."""
    return _with_mean([Ratio(name, BASELINES[CPU].machine, CPU, "published", 1.0) for name in names])


def _published(bars: Sequence[published.Bar], names: Sequence[str], figure: int) -> list[Ratio]:
    """Bars as the paper drew them: recomputed where that prints as it does, else as printed. Without the baseline."""
    made = []
    for series in (*SERIES, EIE):
        if series == CPU:
            continue
        machine, name = (EIE, f"{EIE} published") if series == EIE else (BASELINES[series].machine, series)
        own = [
            Ratio(
                bar.layer,
                machine,
                name,
                "published",
                bar.recomputed if bar.recomputed is not None and bar.within_rounding else bar.printed,
                bar.printed,
                bar.within_rounding,
                bar.note,
            )
            for bar in bars
            if bar.series == series and bar.layer in names
        ]
        made += own
        if own:
            printed = published.printed_geomean(figure, series) if len(own) == len(source.LAYERS) else None
            made.append(Ratio(GEOMEAN, machine, name, "published", geomean([bar.value for bar in own]), printed))
    return made


def _with_mean(rows: list[Ratio]) -> list[Ratio]:
    """The bars of one series, and the geometric mean of its layers'."""
    if not rows:
        return rows
    first, values = rows[0], [row.value for row in rows if row.layer != TOTAL]
    mean = Ratio(GEOMEAN, first.machine, first.series, first.basis, geomean(values))
    return [*rows, replace(mean, batch=first.batch, kind=first.kind, precision=first.precision)]


def measured_speedup_bars(runs: Sequence[Simulated], measured: Measured, with_total: bool = False) -> list[Ratio]:
    """Speed-up over the dense product at batch 1 on the CPU that was measured. with_total: of all layers together."""
    by_series: dict[str, list[Ratio]] = {}
    for run in runs:
        rows, base = _of(run, measured)
        for one in rows:
            note, value = f"{one.kernel}, {one.threads} thread(s)", base.time_us / one.time_us
            _add(by_series, _measured(run.name, one, "measured", value, note))
        _add(by_series, _ours(run.name, SIMULATED, "simulated", base.time_us, run.times_us))
    if with_total:
        _add_total(by_series, runs, measured, "time_us", "measured")
    return _in_order(by_series)


def measured_efficiency_bars(runs: Sequence[Simulated], measured: Measured, with_total: bool = False) -> list[Ratio]:
    """Energy efficiency over the dense product at batch 1 on the CPU that was measured.

    A bar is estimated where its own energy or that of the CPU is.
    """
    by_series: dict[str, list[Ratio]] = {}
    for run in runs:
        rows, base = _of(run, measured)
        for one in rows:
            basis = "estimated" if "estimated" in (one.energy_basis, base.energy_basis) else "measured"
            value = base.energy_uj / one.energy_uj
            _add(by_series, _measured(run.name, one, basis, value, one.power_source))
        note = f"EIE by the energy model {run.energy.model}; {base.power_source}"
        _add(by_series, _ours(run.name, ESTIMATED, "estimated", base.energy_uj, run.energies_uj, note))
    if with_total:
        _add_total(by_series, runs, measured, "energy_uj", "estimated")
    return _in_order(by_series)


def _measured(layer: str, one: Measurement, basis: str, value: float, note: str) -> Ratio:
    return Ratio(
        layer, one.device.upper(), one.series, basis, value, note=note,
        batch=one.batch, kind=one.kind, precision=one.precision,
    )  # fmt: skip


def _add_total(
    by_series: dict[str, list[Ratio]], runs: Sequence[Simulated], measured: Measured, figure: str, basis: str
) -> None:
    """A bar of all layers together, each as often as it has frames in one input, to every series that has them all."""
    ours = {"time_us": [one.time_us for one in runs], "energy_uj": [mean(one.energies_uj) for one in runs]}[figure]
    base = added(getattr(_of(run, measured)[1], figure) * run.vectors for run in runs)
    for series, ratios in by_series.items():
        if len(ratios) != len(runs):
            continue
        if ratios[0].is_eie:
            own = added(value * run.vectors for value, run in zip(ours, runs, strict=True))
        else:
            own = added(
                getattr(one, figure) * run.vectors
                for run in runs
                for one in measured.of(run.name)
                if one.series == series
            )
        bases = {ratio.basis for ratio in ratios}
        kind = bases.pop() if len(bases) == 1 else basis
        ratios.append(replace(ratios[0], layer=TOTAL, basis=kind, value=base / own, note="", low=None, high=None))


def _of(run: Simulated, measured: Measured) -> tuple[list[Measurement], Measurement]:
    """A layer's measurements, and among them the one that the others are set over."""
    rows = measured.of(run.name)
    return rows, next(one for one in rows if one.is_baseline)


def _add(by_series: dict[str, list[Ratio]], ratio: Ratio) -> None:
    by_series.setdefault(ratio.series, []).append(ratio)


def _in_order(by_series: dict[str, list[Ratio]]) -> list[Ratio]:
    """Series by series with their means; EIE comes last."""
    ordered = sorted(by_series.values(), key=lambda rows: rows[0].is_eie)
    return [row for rows in ordered for row in _with_mean(rows)]
