"""EIE against CPUs and GPUs, published and measured, layer by layer (EIE Figs. 6 and 7, Tables II, IV and V)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from eiesim._shown import Brief, Plotted, counted, html_table, listed
from eiesim._sums import added
from eiesim.baselines.measurements import Measured
from eiesim.comparison.bars import (
    TOTAL,
    Simulated,
    efficiency_bars,
    mean,
    measured_efficiency_bars,
    measured_speedup_bars,
    speedup_bars,
    spread,
)
from eiesim.comparison.records import FC8, AreaRow, EieRow, ModuleRow, Ratio, WaterfallRow
from eiesim.config import MachineConfig
from eiesim.energy.area import (
    Area,
    Platform,
    modelled_area,
    peak_gops,
    project_28nm,
    published_area,
    published_platforms,
)
from eiesim.energy.check import Check, against_table2
from eiesim.energy.events import EnergyTable
from eiesim.energy.model import energy_model
from eiesim.energy.operations import operation_pj
from eiesim.errors import EieError
from eiesim.inputs import Synthesis
from eiesim.layer_result import LayerResult
from eiesim.model import Workload
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import TABLE_V_LAYER, TABLE_V_PES
from eiesim.paper.speedups import EIE, GEOMEAN
from eiesim.simulation import simulate
from eiesim.workloads import workload

if TYPE_CHECKING:
    import pandas as pd

WORD_BITS = 32
"""Of a weight that is neither shared nor pruned."""


@dataclass(frozen=True, repr=False)
class Comparison(Plotted, Brief):
    """What was compared, and every table of it, made once.

    Attributes
    ----------
    config : MachineConfig
        The machine.
    layers : tuple of LayerResult
        The runs, under the energy model asked for.
    speedup : tuple of Ratio
        Over the published CPU, for the layers of Table III; each says whether it is published, simulated or measured.
    efficiency : tuple of Ratio
        The same for energy; estimated, where it is not published.
    measured : Measured or None
        What was measured on this machine.
    measured_speedup : tuple of Ratio
        Over the CPU measured here; empty without `measured`.
    measured_efficiency : tuple of Ratio
        The same for energy.
    eie : tuple of EieRow
        Each layer beside Table IV.
    modules : tuple of ModuleRow
        Power of a PE by module.
    checks : tuple of Check
        The activity energy model against Table II.
    waterfall : tuple of WaterfallRow
        Energy of fetching the weights, step by step.
    areas : tuple of AreaRow
        Area by module.
    platforms : tuple of Platform
        Table V and the simulated machines; empty without its layer.
    """

    config: MachineConfig
    layers: tuple[LayerResult, ...]
    speedup: tuple[Ratio, ...]
    efficiency: tuple[Ratio, ...]
    measured: Measured | None
    measured_speedup: tuple[Ratio, ...]
    measured_efficiency: tuple[Ratio, ...]
    eie: tuple[EieRow, ...]
    modules: tuple[ModuleRow, ...]
    checks: tuple[Check, ...]
    waterfall: tuple[WaterfallRow, ...]
    areas: tuple[AreaRow, ...]
    platforms: tuple[Platform, ...]

    def __repr__(self) -> str:
        names = listed([row.layer for row in self.eie if row.layer != TOTAL])
        if self.speedup or self.measured_speedup:
            ours = self._over_cpu(GEOMEAN)
            told = "; ".join(f"{value:,.0f} times as fast as the {cpu}" for cpu, value in ours.items())
            told += " (geometric mean)" if len(self.layers) > 1 else ""
        else:
            last = self.eie[-1]
            told = f"{last.time_us:,.4g} µs; estimated: {last.energy_uj:,.4g} µJ ({last.energy_model})"
        return f"<Comparison of {names} on {counted(self.config.pes, 'PE')}{self.config.variant}, simulated: {told}>"

    def _repr_html_(self) -> str:
        cpus = list(self._over_cpu(GEOMEAN))
        heads = (
            "layer",
            "time, µs",
            "Table IV, µs",
            "energy, µJ",
            *(f"times as fast as the {cpu}" for cpu in cpus),
        )
        rows = []
        for row in self.eie:
            ratios = self._over_cpu(row.layer)
            table4 = "-" if row.table4_time_us is None else f"{row.table4_time_us:,.2f}"
            faster = [f"{ratios[cpu]:,.1f}" if cpu in ratios else "-" for cpu in cpus]
            rows.append((row.layer, f"{row.time_us:,.2f}", table4, f"{row.energy_uj:,.3f}", *faster))
        machine = f"{counted(self.config.pes, 'PE')}{self.config.variant}"
        return html_table(f"EIE simulated, {machine}; energy estimated: {self.eie[0].energy_model}", heads, rows)

    def to_frame(self) -> "pd.DataFrame":
        """The simulated machine on each layer, beside Table IV.

        Returns
        -------
        pandas.DataFrame
            A row a layer: the columns of `eie.csv` (docs/formats.md), times simulated and energies estimated.
        """
        import pandas as pd

        return pd.DataFrame(
            [[getattr(row, name) for name in EieRow.COLUMNS] for row in self.eie], columns=EieRow.COLUMNS
        )

    def _over_cpu(self, layer: str) -> dict[str, float]:
        """How many times as fast as each CPU the simulated machine is on a layer."""
        sets = {"published CPU": self.speedup, "CPU measured here": self.measured_speedup}
        return {
            cpu: bar.value
            for cpu, bars in sets.items()
            for bar in bars
            if bar.is_eie and bar.basis == "simulated" and bar.layer == layer
        }


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
    by_name: dict[str, list[Workload]] = {}
    for one in workloads:
        by_name.setdefault(one.layer.name, []).append(one)
    seeds = {name: [one.seed for one in alike] for name, alike in by_name.items()}
    twice = next((name for name, of in seeds.items() if len(of) > 1 and (None in of or len(set(of)) < len(of))), None)
    if twice is not None:
        raise EieError(f"two layers are called '{twice}'; a comparison needs different names")

    def run(one: Workload, machine: MachineConfig) -> Simulated:
        options: dict[str, Any] = {"energy": energy or "activity", "energy_table": energy_table}
        layer = simulate(one, config=machine, outputs=False, **options).layers[0]
        assert layer.energy is not None  # The model was asked for by name.
        by_table2 = energy_model("published", machine).estimate(layer.metrics, layer.rows, layer.cols)
        return Simulated(layer, layer.energy, by_table2)

    runs = []
    for alike in by_name.values():
        first, *others = (run(one, config) for one in alike)
        runs.append(replace(first, others=tuple(others)))
    benchmarks = [one for one in runs if with_published and one.name in source.LAYERS]
    platforms: list[Platform] = []
    as_asked = next((one for one in benchmarks if one.name == TABLE_V_LAYER), None)
    if as_asked is not None:
        made = asdict(synthesis or Synthesis())
        layer, activations = workload(TABLE_V_LAYER, made.pop("seed"), **made)
        wide = _platform(run(Workload(layer, activations), config.replace(pes=TABLE_V_PES)))
        ours = [wide] if config.pes == TABLE_V_PES else [_platform(as_asked), wide]
        platforms = [*published_platforms(), *ours, project_28nm(wide)]
    of_the_paper = any(one.name in source.LAYERS for one in runs)
    checks = against_table2() if of_the_paper else []  # The check is on a layer of the paper's.
    own = len(runs) > 1 and not of_the_paper
    return Comparison(
        config=config,
        layers=tuple(one.layer for one in runs),
        speedup=tuple(speedup_bars(benchmarks)),
        efficiency=tuple(efficiency_bars(benchmarks)),
        measured=measured,
        measured_speedup=() if measured is None else tuple(measured_speedup_bars(runs, measured, own)),
        measured_efficiency=() if measured is None else tuple(measured_efficiency_bars(runs, measured, own)),
        eie=(*map(_eie_row, runs), *([_total_row(runs)] if own else [])),
        modules=tuple(_module_rows(runs, checks)),
        checks=tuple(checks),
        waterfall=tuple(row for one in runs for row in waterfall(one.layer)),
        areas=tuple(row for area in _areas(config) for row in _area_rows(area)),
        platforms=tuple(platforms),
    )


def waterfall(layer: LayerResult) -> list[WaterfallRow]:
    """Energy of fetching the weights for one input of a layer, from dense weights in DRAM to EIE's compressed ones.

    A 32-bit word costs 640 pJ from DRAM and 5 pJ from SRAM (EIE Table I). Fewer bits cost in proportion. The paper's
    steps count codes alone; the last step adds the relative indices and the padding that storing them takes. These
    energies follow from bits only. They are not the energy of the run, which depends on the width of the real array
    and on the rest of the PE. A bias is a column of the run, but not of the dense matrix. Over a batch they are means.
    """
    pj = operation_pj()
    dram, sram = (pj[name] / WORD_BITS * 1e-6 for name in ("DRAM (LPDDR2) read 32b", "SRAM 32KB read 32b"))
    code, entry = layer.config.weight_bits, layer.config.entry_bits
    dense = layer.dense_weights
    steps = (
        ("dense, DRAM", dense * WORD_BITS * dram, None),
        ("dense, SRAM", dense * WORD_BITS * sram, "saving_dram_to_sram"),
        ("pruned", layer.nnz * WORD_BITS * sram, "saving_weight_sparsity"),
        ("weights shared", layer.nnz * code * sram, "saving_weight_sharing"),
        ("zero activations skipped", layer.counters.macs * code * sram, "saving_zero_activations"),
        ("with indices and padding", layer.counters.entries * entry * sram, None),
    )
    made: list[WaterfallRow] = []
    for name, energy_uj, key in steps:
        before = made[-1].energy_uj if made else energy_uj
        saving = before / energy_uj if energy_uj else 0.0
        made.append(WaterfallRow(layer.name, name, energy_uj, saving, source.constant(key) if key else None))
    return made


def _areas(config: MachineConfig) -> list[Area]:
    """Table II's and the model's, as configured and, if that is another machine, with Table V's PEs."""
    areas = []
    for pes in dict.fromkeys((config.pes, TABLE_V_PES)):
        areas.append(published_area(pes))
        modelled = _modelled(config.replace(pes=pes))
        if modelled is not None:
            areas.append(modelled)
    return areas


def _modelled(config: MachineConfig) -> Area | None:
    """None where the memories are outside the CACTI table; the energy model has said so if it needs them."""
    try:
        return modelled_area(config)
    except EieError:
        return None


def _platform(run: Simulated) -> Platform:
    config = run.layer.config
    modelled = _modelled(config)
    area = None if modelled is None else modelled.total_mm2
    return Platform(
        f"{EIE} {config.pes}PE", "simulated", source.technology_nm(source.TABLE_V_EIE), run.time_us,
        run.energy.power_w, area, peak_gops(config),
    )  # fmt: skip


def _eie_row(run: Simulated) -> EieRow:
    known = run.name in source.LAYERS
    return EieRow(
        layer=run.name,
        cycles=run.layer.cycles,
        time_us=run.time_us,
        table4_time_us=published.time_us(EIE, run.name) if known else None,
        theoretical_us=run.layer.metrics.theoretical_us,
        table4_theoretical_us=published.theoretical_us(run.name) if known else None,
        energy_model=run.energy.model,
        energy_uj=mean(run.energies_uj),
        power_w=run.energy.power_w,
        energy_published_uj=mean(run.table2_uj),
        gops=run.layer.metrics.gops,
        dense_equivalent_gops=run.layer.metrics.dense_equivalent_gops,
        seeds=1 + len(run.others),
        time_us_low=spread(run.times_us)[0],
        time_us_high=spread(run.times_us)[1],
        energy_uj_low=spread(run.energies_uj)[0],
        energy_uj_high=spread(run.energies_uj)[1],
    )


def _total_row(runs: Sequence[Simulated]) -> EieRow:
    """All layers of one's own network, each as often as it has frames in one of its inputs."""

    def total(of: Callable[[Simulated], float]) -> float:
        return added(of(run) * run.vectors for run in runs)

    time_us, energy_uj = total(lambda run: run.time_us), total(lambda run: mean(run.energies_uj))
    macs = total(lambda run: run.layer.counters.macs)
    return EieRow(
        layer=TOTAL,
        cycles=total(lambda run: run.layer.cycles),
        time_us=time_us,
        table4_time_us=None,
        theoretical_us=total(lambda run: run.layer.metrics.theoretical_us),
        table4_theoretical_us=None,
        energy_model=runs[0].energy.model,
        energy_uj=energy_uj,
        power_w=energy_uj / time_us if time_us else 0.0,
        energy_published_uj=total(lambda run: mean(run.table2_uj)),
        gops=2 * macs / time_us / 1e3 if time_us else 0.0,
        dense_equivalent_gops=2 * total(lambda run: run.layer.rows * run.layer.cols) / time_us / 1e3
        if time_us
        else 0.0,
    )


def _module_rows(runs: Sequence[Simulated], checks: Sequence[Check]) -> list[ModuleRow]:
    """Power of a PE by module: Table II, the check on AlexNet-FC8, each layer."""
    modules = [check for check in checks if check.kind == "module"]
    rows = [ModuleRow("Table II", "published", check.name, check.published_mw) for check in modules]
    rows += [ModuleRow(FC8, "estimated", check.name, check.activity_mw, "activity") for check in modules]
    for run in runs:
        leakages = run.energy.leakage_by_module_uj
        rows += [
            ModuleRow(
                of=run.name,
                basis="estimated",
                module=module,
                power_mw=energy_uj / run.time_us / run.layer.config.pes * 1e3,
                energy_model=run.energy.model,
                energy_uj=energy_uj,
                leakage_uj=leakages[module] if leakages else None,
            )
            for module, energy_uj in run.energy.by_module_uj.items()
        ]
    return rows


def _area_rows(area: Area) -> list[AreaRow]:
    """By module; the LNZD nodes' too."""
    parts = {module: um2 * area.pes * 1e-6 for module, um2 in area.pe_um2.items()}
    parts[source.LNZD] = area.lnzd_um2 * 1e-6
    return [AreaRow(area.pes, area.basis, module, mm2) for module, mm2 in parts.items()]
