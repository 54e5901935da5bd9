"""EIE against CPUs and GPUs, published and measured, layer by layer (EIE Figs. 6 and 7, Tables II, IV and V)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eiesim._shown import Brief
from eiesim.baselines.measurements import Measured
from eiesim.comparison.waterfall import waterfall
from eiesim.config import MachineConfig
from eiesim.energy.area import Area, Platform, modelled_area, peak_gops, project_28nm, published_area
from eiesim.energy.check import against_table2
from eiesim.energy.events import EnergyTable
from eiesim.energy.model import energy_model
from eiesim.energy.record import Energy
from eiesim.errors import EieError
from eiesim.inputs import Synthesis, Workload
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import TABLE_V_LAYER, TABLE_V_PES
from eiesim.paper.speedups import EIE, SERIES, geomean
from eiesim.result import LayerResult
from eiesim.simulation import simulate
from eiesim.workloads import workload

GEOMEAN = "geomean"
CPU = "CPU dense"


@dataclass(frozen=True)
class Ratio:
    """A bar of a comparison: `value` times better than the CPU, dense, batch 1, of the same set of baselines.

    layer: its name, or `geomean`. basis: published, simulated, measured or estimated (energy from a TDP is that).
    printed: as the paper has it; within_rounding: whether its own tables give that; both None where it has none.
    """

    layer: str
    series: str
    basis: str
    value: float
    printed: float | None = None
    within_rounding: bool | None = None
    note: str = ""


@dataclass(frozen=True, repr=False)
class Comparison(Brief):
    """What was compared, and every table of it.

    layers: the runs, under the energy model asked for. published_power: the same runs' energy by Table II x time.
    speedup, efficiency: over the published CPU; measured_*: over the CPU measured here, empty without `measured`.
    """

    config: MachineConfig
    layers: tuple[LayerResult, ...]
    published_power: tuple[Energy, ...]
    speedup: tuple[Ratio, ...]
    efficiency: tuple[Ratio, ...]
    measured: Measured | None
    measured_speedup: tuple[Ratio, ...]
    measured_efficiency: tuple[Ratio, ...]
    areas: dict[str, Area]
    platforms: tuple[Platform, ...]


def compare(
    workloads: Sequence[Workload],
    config: MachineConfig,
    *,
    energy: str | None = None,
    energy_table: EnergyTable | None = None,
    with_published: bool = True,
    measured: Measured | None = None,
    synthesis: Synthesis | None = None,
) -> Comparison:
    """Simulate each workload by itself and set it beside the baselines.

    with_published: for layers of Table III. measured: from `baselines.measured.measure`, of the same workloads.
    synthesis: how Table III layers are made, for Table V's 256 PEs.
    Raises EieError for a name that occurs twice, or where the energy model does not cover the machine.
    """
    names = [one.layer.name for one in workloads]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EieError(f"two layers are called '{twice}'; a comparison needs different names")

    def run(one: Workload, machine: MachineConfig) -> LayerResult:
        options: dict[str, Any] = {"energy": energy or "activity", "energy_table": energy_table}
        return simulate(one.layer, one.activations, machine, outputs=False, **options).layers[0]

    layers = tuple(run(one, config) for one in workloads)
    by_table2 = energy_model("published", config)
    published_power = tuple(by_table2.estimate(layer.metrics, layer.rows, layer.cols) for layer in layers)
    benchmarks = [layer for layer in layers if with_published and layer.name in source.LAYERS]
    platforms: list[Platform] = []
    if TABLE_V_LAYER in (layer.name for layer in benchmarks):
        made = asdict(synthesis or Synthesis())
        layer, activations = workload(TABLE_V_LAYER, made.pop("seed"), **made)
        wide = run(Workload(layer, activations), config.replace(pes=TABLE_V_PES))
        as_asked = next(layer for layer in benchmarks if layer.name == TABLE_V_LAYER)
        ours = [_platform(wide)] if config.pes == TABLE_V_PES else [_platform(as_asked), _platform(wide)]
        platforms = [*_published_platforms(), *ours, project_28nm(ours[-1])]
    return Comparison(
        config=config,
        layers=layers,
        published_power=published_power,
        speedup=tuple(_speedup(benchmarks)),
        efficiency=tuple(_efficiency(benchmarks, published_power[: len(layers)], layers)),
        measured=measured,
        measured_speedup=tuple(_over_measured(layers, measured, "time_us")),
        measured_efficiency=tuple(_over_measured(layers, measured, "energy_uj")),
        areas=_areas(config),
        platforms=tuple(platforms),
    )


def _spent(layer: LayerResult) -> Energy:
    assert layer.energy is not None  # The model was asked for by name.
    return layer.energy


def _published_bars(bars: Sequence[published.Bar], names: Sequence[str], figure: int) -> list[Ratio]:
    """Bars as the paper drew them: recomputed where that prints as it does, else as printed."""
    made = []
    for series in (*SERIES, EIE):
        own = [
            Ratio(
                bar.layer,
                _series_name(series),
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
            made.append(Ratio(GEOMEAN, _series_name(series), "published", geomean([bar.value for bar in own]), printed))
    return made


def _series_name(series: str) -> str:
    return f"{EIE} published" if series == EIE else series


def _with_geomean(rows: list[Ratio]) -> list[Ratio]:
    if not rows:
        return rows
    return [*rows, Ratio(GEOMEAN, rows[0].series, rows[0].basis, geomean([row.value for row in rows]))]


def _speedup(layers: Sequence[LayerResult]) -> list[Ratio]:
    names = [layer.name for layer in layers]
    simulated = [
        Ratio(layer.name, f"{EIE} simulated", "simulated", published.time_us(CPU, layer.name) / layer.time_us)
        for layer in layers
    ]
    cpu = [Ratio(name, CPU, "published", 1.0) for name in names]
    bars = [bar for bar in published.fig6() if bar.series != CPU]
    return [*_with_geomean(cpu), *_published_bars(bars, names, 6), *_with_geomean(simulated)]


def _efficiency(
    benchmarks: Sequence[LayerResult], by_table2: Sequence[Energy], layers: Sequence[LayerResult]
) -> list[Ratio]:
    names = [layer.name for layer in benchmarks]
    table2 = {layer.name: energy for layer, energy in zip(layers, by_table2)}
    rows = [*_with_geomean([Ratio(name, CPU, "published", 1.0) for name in names])]
    rows += _published_bars([bar for bar in published.fig7() if bar.series != CPU], names, 7)
    by_model = {f"{EIE} simulated, Table II power": [table2[name] for name in names]}
    if benchmarks and _spent(benchmarks[0]).model != "published":  # That is Table II's already.
        by_model[f"{EIE} simulated, {_spent(benchmarks[0]).model}"] = [_spent(one) for one in benchmarks]
    for series, energies in by_model.items():
        own = []
        for name, energy in zip(names, energies):
            watts = published.power_w(CPU, name)
            note = "" if watts is not None else "CPU power as Fig. 7 implies it; it was never published"
            watts = published.implied_cpu_power_w(name) if watts is None else watts
            value = published.time_us(CPU, name) * watts / energy.total_uj
            own.append(Ratio(name, series, "simulated", value, note=note))
        rows += _with_geomean(own)
    return rows


def _over_measured(layers: Sequence[LayerResult], measured: Measured | None, figure: str) -> list[Ratio]:
    """Over the dense product at batch 1 on the CPU at hand. figure: time_us or energy_uj, of measurement and run."""
    if measured is None:
        return []
    by_series: dict[str, list[Ratio]] = {}
    for layer in layers:
        rows = measured.of(layer.name)
        base = next(one for one in rows if (one.device, one.matrix, one.batch) == ("cpu", "dense", 1))
        above = getattr(base, figure)
        for one in rows:
            estimated = figure == "energy_uj" and "estimated" in (one.energy_basis, base.energy_basis)
            basis = "estimated" if estimated else "measured"
            note = one.power_source if figure == "energy_uj" else f"{one.kernel}, {one.threads} thread(s)"
            ratio = Ratio(layer.name, one.series, basis, above / getattr(one, figure), note=note)
            by_series.setdefault(one.series, []).append(ratio)
        own = layer.time_us if figure == "time_us" else _spent(layer).total_uj
        note = "" if figure == "time_us" else f"EIE by the energy model {_spent(layer).model}; {base.power_source}"
        ratio = Ratio(layer.name, f"{EIE} simulated", "simulated", above / own, note=note)
        by_series.setdefault(f"{EIE} simulated", []).append(ratio)
    ordered = sorted(by_series, key=lambda series: series.startswith(EIE))
    return [row for series in ordered for row in _with_geomean(by_series[series])]


def _areas(config: MachineConfig) -> dict[str, Area]:
    areas = {f"Table II, {config.pes} PEs": published_area(config.pes)}
    own = _modelled(config)
    if own is not None:
        areas[f"model, {config.pes} PEs"] = own
    if config.pes != TABLE_V_PES:
        areas[f"Table II, {TABLE_V_PES} PEs"] = published_area(TABLE_V_PES)
        if own is not None:
            areas[f"model, {TABLE_V_PES} PEs"] = modelled_area(config.replace(pes=TABLE_V_PES))
    return areas


def _modelled(config: MachineConfig) -> Area | None:
    """None where the memories are outside the CACTI table; the energy model has said so if it needs them."""
    try:
        return modelled_area(config)
    except EieError:
        return None


def _platform(layer: LayerResult) -> Platform:
    modelled = _modelled(layer.config)
    area = None if modelled is None else modelled.total_mm2
    name, gops = f"EIE {layer.config.pes}PE", peak_gops(layer.config)
    return Platform(name, "simulated", 45, layer.time_us, _spent(layer).power_w, area, gops)


def _published_platforms() -> list[Platform]:
    """Table V, with time from its frames a second."""
    rows = {row["property"]: row for row in source.read("eie_table5_platforms.csv")}
    names = [name for name in rows["year"] if name != "property"]
    made = []
    for name in names:
        area = rows["mm^2"][name]
        rate, watts, node = (float(rows[key][name]) for key in ("frames/s", "W", "tech nm"))
        made.append(Platform(name, "published", int(node), 1e6 / rate, watts, None if area == "-" else float(area)))
    return made


def eie_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row a layer: the simulated machine beside Table IV."""
    rows = []
    for layer, by_table2 in zip(comparison.layers, comparison.published_power, strict=True):
        known = layer.name in source.LAYERS
        table4 = published.time_us(EIE, layer.name) if known else None
        theoretical = published.theoretical_us(layer.name) if known else None
        energy = _spent(layer)
        rows.append(
            {
                "layer": layer.name,
                "cycles": layer.cycles,
                "time_us": layer.time_us,
                "table4_time_us": table4,
                "time_difference": None if table4 is None else layer.time_us / table4 - 1,
                "theoretical_us": layer.metrics.theoretical_us,
                "table4_theoretical_us": theoretical,
                "energy_model": energy.model,
                "energy_uj": energy.total_uj,
                "power_w": energy.power_w,
                "energy_published_uj": by_table2.total_uj,
                "frames_per_s": 1e6 / layer.time_us,
                "frames_per_j": 1e6 / energy.total_uj,
                "gops": layer.metrics.gops,
                "dense_equivalent_gops": layer.metrics.dense_equivalent_gops,
            }
        )
    return rows


def module_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row a machine and module: power of a PE in milliwatts. Table II, the check on AlexNet-FC8, each layer."""
    checks = [check for check in against_table2() if check.kind == "module"]
    rows = [
        {"of": "Table II", "basis": "published", "module": check.name, "power_mw": check.published_mw}
        for check in checks
    ]
    rows += [
        {
            "of": "AlexNet-FC8",
            "basis": "simulated",
            "energy_model": "activity",
            "module": check.name,
            "power_mw": check.activity_mw,
        }
        for check in checks
    ]
    for layer in comparison.layers:
        energy = _spent(layer)
        rows += [
            {
                "of": layer.name,
                "basis": "simulated",
                "energy_model": energy.model,
                "module": module,
                "power_mw": microjoules / layer.time_us / layer.config.pes * 1e3,
                "energy_uj": microjoules,
                "leakage_uj": energy.leakage_by_module_uj[module] if energy.leakage_by_module_uj else None,
            }
            for module, microjoules in energy.by_module_uj.items()
        ]
    return rows


def waterfall_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row a layer and step of the savings."""
    return [
        {"layer": layer.name, "step": step.name, **{k: v for k, v in asdict(step).items() if k != "name"}}
        for layer in comparison.layers
        for step in waterfall(layer)
    ]


def area_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row a machine and module, in square millimetres of all PEs; the LNZD nodes' too."""
    rows = []
    for name, area in comparison.areas.items():
        basis = "published" if name.startswith("Table II") else "modelled"
        parts = {**{module: um2 * area.pes * 1e-6 for module, um2 in area.pe_um2.items()}, "lnzd": area.lnzd_um2 * 1e-6}
        rows += [{"machine": name, "basis": basis, "module": part, "area_mm2": mm2} for part, mm2 in parts.items()]
    return rows


def platform_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Table V, and the simulated machines under it."""
    return [
        {
            **asdict(platform),
            "frames_per_s": platform.frames_per_s,
            "frames_per_j": platform.frames_per_j,
            "frames_per_s_mm2": platform.frames_per_s_mm2,
        }
        for platform in comparison.platforms
    ]
