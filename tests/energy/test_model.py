"""Energy: Table II, sums, proportion, and which knob moves what."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics
from eiesim.energy.events import default_table
from eiesim.energy.model import calibration, energy_model, reference_energy, reference_run
from eiesim.energy.structure import clocked_bits

MODULES = {"act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw", "lnzd"}
TABLE_II_MW = {"act_queue": 0.112, "ptr_read": 1.807, "spmat_read": 4.955, "arithm_unit": 1.162, "act_rw": 1.122}


@pytest.fixture(scope="module")
def layer():
    return eiesim.workload("NT-We", density=0.05)


def run(layer, **changes):
    energy = changes.pop("energy", None)
    made = eiesim.simulate(*layer, eiesim.MachineConfig(**changes), outputs=False, energy=energy)
    return made.layers[0]


def moved(before, after):
    """Modules whose energy differs, of two runs that take equally long."""
    assert before.cycles == after.cycles
    pair = before.energy.by_module_uj, after.energy.by_module_uj
    return {name for name in MODULES if pair[0][name] != pytest.approx(pair[1][name], rel=1e-12)}


def test_published_power_is_table_ii_and_the_lnzd_nodes():
    energy = reference_energy("published")
    assert energy.power_w == pytest.approx((64 * 9.157 + 21 * 0.023) * 1e-3, rel=1e-12)
    assert round(energy.power_w, 4) == 0.5865
    for name, milliwatts in TABLE_II_MW.items():
        assert energy.by_module_uj[name] / energy.time_us / 64 * 1e3 == pytest.approx(milliwatts, rel=2e-4)
    memory_mw = energy.by_component_uj["memory"] / energy.time_us / 64 * 1e3
    assert memory_mw == pytest.approx(5.416, rel=1e-12)
    assert energy.leakage_uj is None


@pytest.mark.parametrize("pes", [1, 4, 48, 256])
def test_published_power_is_in_proportion_to_pes(layer, pes):
    nodes = {1: 1, 4: 1, 48: 12 + 3 + 1, 256: 64 + 16 + 4 + 1}[pes]
    energy = run(layer, pes=pes, energy="published").energy
    assert energy.power_w == pytest.approx((pes * 9.157 + nodes * 0.023) * 1e-3, rel=1e-12)


def test_published_energy_of_a_cycle_does_not_depend_on_the_clock(layer):
    slow, fast = (run(layer, clock_mhz=float(mhz), energy="published").energy for mhz in (400, 800))
    assert slow.total_uj == pytest.approx(fast.total_uj)
    assert slow.power_w == pytest.approx(fast.power_w / 2)


@pytest.mark.parametrize("model", ["activity", "published", "calibrated"])
def test_energy_is_the_sum_of_its_parts(layer, model):
    energy = run(layer, energy=model).energy
    assert set(energy.by_module_uj) == MODULES
    assert sum(energy.by_module_uj.values()) == pytest.approx(energy.total_uj, rel=1e-12)
    assert sum(energy.by_component_uj.values()) == pytest.approx(energy.total_uj, rel=1e-12)
    assert energy.total_uj == pytest.approx(energy.power_w * energy.time_us, rel=1e-12)
    if model != "published":
        assert energy.dynamic_uj + energy.leakage_uj == pytest.approx(energy.total_uj, rel=1e-12)
        assert set(energy.leakage_by_module_uj) == MODULES


def test_activity_by_hand():
    """AlexNet-FC8, reckoned from docs/machine.md's counters and the tables' own numbers."""
    by_module = reference_energy("activity").by_module_uj
    time_us, pe_cycles = 7896 / 800, 7896 * 64
    # Bits clocked in a cycle of the steady state: queue, pointer, sparse matrix, arithmetic, activations.
    steady = (32 + 3 + 2 * 4) / 8 + 3 + 17 / 8 + 16 + 18 + 19 + 14 / 8 + 2 + 30 + 38 + 54 + 5 + 17 + 6
    clock = 1.874 / 800 * 1e3 / steady * 1e-6
    columns, entries, reads = 112_640, 453_748, 100_900
    leak = 64 * time_us * 1e-3
    assert by_module["spmat_read"] == pytest.approx(
        100_900 * 17.7318e-6 + 2.07853 * leak + (19 * entries + 14 * reads + 2 * pe_cycles) * clock
    )
    assert by_module["ptr_read"] == pytest.approx(
        2 * 112_640 * 5.7341e-6 + 2 * 0.28697 * leak + (17 * columns + 16 * entries + 18 * pe_cycles) * clock
    )
    assert by_module["act_queue"] == pytest.approx(2 * 112_640 * 1e-6 + (43 * columns + 3 * pe_cycles) * clock)
    assert by_module["arithm_unit"] == pytest.approx(
        453_748 * (0.6 + 0.05 + 0.05 + 0.5) * 1e-6 + (122 * entries + 5 * pe_cycles) * clock
    )
    accesses = 2 * 453_748 + 4096
    assert by_module["act_rw"] == pytest.approx(
        accesses * 0.5e-6 + 0.04153 * leak + (23 * entries + 7 * 64 * 64) * clock
    )
    assert by_module["lnzd"] == pytest.approx(7838 * 21 * 0.02875e-6)


def test_clock_network_is_the_chips_own_in_the_papers_steady_state():
    """An entry a cycle, a column and an SRAM row in eight (EIE Sec. IV): Table II's 1.874 mW."""
    config, cycles = MachineConfig(), 8_000
    often = ("entries", "entry_groups", "macs", "accumulator_writes", "pe_cycles")
    busy = {**dict.fromkeys(often, cycles), "activation_rows_taken": 0}
    seldom = dict.fromkeys(("queue_pushes", "queue_pops", "pointer_reads", "spmat_row_reads"), cycles / 8)
    bits = sum(clocked_bits(config, {**busy, **seldom}).values())
    assert bits * default_table().pj.clock_bit / cycles * 800 * 1e-3 == pytest.approx(1.874)


def test_calibrated_meets_table_ii_on_its_layer_and_says_so(layer):
    published, calibrated = reference_energy("published"), reference_energy("calibrated")
    assert dict(calibrated.by_module_uj) == pytest.approx(dict(published.by_module_uj))
    assert "calibrated" in calibrated.model
    plain, fitted = run(layer, energy="activity").energy, run(layer, energy="calibrated").energy
    for name, factor in calibration().items():
        assert fitted.by_module_uj[name] == pytest.approx(factor * plain.by_module_uj[name])


def test_doubling_the_work_doubles_dynamic_energy():
    figures, rows, cols = reference_run()
    doubled = Counters(**{name: 2 * getattr(figures.counters, name) for name in COUNTERS})
    twice = Metrics(1, 2 * figures.cycles, 2 * figures.scan_last, doubled, figures.dense_macs, figures.config)
    model = energy_model("activity", figures.config)
    once, both = model.estimate(figures, rows, cols // 2), model.estimate(twice, rows, cols)
    assert both.dynamic_uj == pytest.approx(2 * once.dynamic_uj, rel=1e-12)
    assert both.leakage_uj == pytest.approx(2 * once.leakage_uj, rel=1e-12)


def test_a_batch_is_the_mean_of_its_inputs(layer):
    compressed, ones = layer
    inputs = np.stack([ones, ones * (np.arange(len(ones)) % 3 == 0)])
    batch = eiesim.simulate(compressed, inputs, outputs=False)
    apart = [eiesim.simulate(compressed, one, outputs=False).energy.total_uj for one in inputs]
    assert batch.energy.total_uj == pytest.approx(sum(apart) / 2)
    said = batch.to_dict()
    assert said["layers"][0]["batch"]["energy"]["total_uj"] == pytest.approx(apart)
    assert said["total"]["batch"]["energy_uj"] == pytest.approx(apart)


def test_zero_activations_cost_the_scan_only(layer):
    compressed, ones = layer
    result = eiesim.simulate(compressed, ones * 0, outputs=False).layers[0]
    energy, table = result.energy, default_table()
    assert result.cycles == 64
    scan_uj = {"act_rw": 4096 * 16 * table.pj.register_bit * 1e-6, "lnzd": 64 * 21 * table.pj.lnzd_node * 1e-6}
    parts = energy.by_component_uj
    assert parts["register"] == pytest.approx(scan_uj["act_rw"])
    assert parts["lnzd"] == pytest.approx(scan_uj["lnzd"])
    assert parts["combinational"] == 0
    assert parts["memory"] == pytest.approx(energy.leakage_uj)
    # Every cycle the free bits, 3 + 18 + 2 + 5, and the activation row's number: all else is held.
    clock_uj = 64 * 64 * (28 + 7) * table.pj.clock_bit * 1e-6
    assert parts["clock_network"] == pytest.approx(clock_uj)
    assert energy.total_uj == pytest.approx(sum(scan_uj.values()) + energy.leakage_uj + clock_uj)


def test_spmat_width_moves_spmat_read_alone(layer):
    assert moved(run(layer), run(layer, spmat_width=128)) == {"spmat_read"}


def test_memory_sizes_move_their_own_module(layer):
    assert moved(run(layer), run(layer, spmat_bytes=262144)) == {"spmat_read"}
    assert moved(run(layer), run(layer, pointer_bytes=65536)) == {"ptr_read"}
    assert moved(run(layer), run(layer, activation_bytes=4096)) == {"act_rw"}


def test_queue_depth_moves_the_queue_alone(layer):
    # Both are deeper than this layer ever fills, so the timing stays.
    deep = run(layer, queue_depth=4096)
    assert moved(deep, run(layer, queue_depth=8192)) == {"act_queue"}


def test_multipliers_move_what_a_group_or_a_cycle_clocks(layer):
    """An entry and its multiply cost what they did; fewer groups and fewer cycles clock less."""
    one, four = run(layer), run(layer, multipliers=4)
    assert four.counters.macs == one.counters.macs
    assert four.cycles < one.cycles
    parts = one.energy.by_component_uj, four.energy.by_component_uj
    for name in ("combinational", "register"):
        assert parts[1][name] == pytest.approx(parts[0][name])
    groups, config = four.counters.entry_groups, four.config
    events = {**vars(four.counters), "pe_cycles": four.cycles * config.pes, "activation_rows_taken": 0}
    by_hand = 4 * 5 * events["pe_cycles"] + (122 * four.counters.macs)
    assert clocked_bits(config, events)["arithm_unit"] == by_hand
    assert clocked_bits(config, events)["spmat_read"] - clocked_bits(config, {**events, "entry_groups": 0})[
        "spmat_read"
    ] == pytest.approx(19 * groups)


def test_arithmetic_moves_what_holds_or_works_on_values(layer):
    narrow, wide = run(layer), run(layer, arithmetic="fixed32")
    before, after = narrow.energy.by_component_uj, wide.energy.by_component_uj
    assert moved(narrow, wide) == MODULES - {"lnzd"}
    assert after["combinational"] - before["combinational"] == pytest.approx(
        narrow.counters.macs * (3.1 + 0.1 - 0.6 - 0.05) * 1e-6
    )
    # The sparse matrix and its pointers are stored as before: only the activation beside them is wider.
    table = default_table()
    for module, times in (("ptr_read", narrow.counters.pointer_reads), ("spmat_read", narrow.counters.entries)):
        more = wide.energy.by_module_uj[module] - narrow.energy.by_module_uj[module]
        assert more == pytest.approx(times * 16 * table.pj.clock_bit * 1e-6)


def test_float32_multiplies_cost_what_table_i_says(layer):
    fixed, floating = run(layer, arithmetic="fixed32"), run(layer, arithmetic="float32")
    assert moved(fixed, floating) == {"arithm_unit"}
    more = floating.energy.by_module_uj["arithm_unit"] - fixed.energy.by_module_uj["arithm_unit"]
    assert more == pytest.approx(fixed.counters.macs * (3.7 + 0.9 - 3.1 - 0.1) * 1e-6)


def test_pes_share_the_work_and_multiply_leakage_and_pointer_reads(layer):
    few, many = run(layer, pes=16), run(layer, pes=64)
    ratio = many.time_us / few.time_us
    leak = few.energy.leakage_uj, many.energy.leakage_uj
    assert leak[1] == pytest.approx(leak[0] * 4 * ratio)
    assert many.counters.macs == few.counters.macs
    table = default_table()
    per_mac = table.pj.multiply_fixed16 + table.pj.add_fixed16
    for one in (few, many):
        rows = one.counters.entries * table.pj.row_add
        assert one.energy.by_component_uj["combinational"] == pytest.approx((one.counters.macs * per_mac + rows) * 1e-6)
    read = 2 * 5.7341e-6
    dynamic = [one.energy.by_module_uj["ptr_read"] - one.energy.leakage_by_module_uj["ptr_read"] for one in (few, many)]
    clock = [
        (17 * one.counters.pointer_reads + 16 * one.counters.entries + 18 * one.cycles * one.config.pes)
        * (table.pj.clock_bit * 1e-6)
        for one in (few, many)
    ]
    assert dynamic[0] - clock[0] == pytest.approx(4096 * 16 * read)
    assert dynamic[1] - clock[1] == pytest.approx(4096 * 64 * read)


def test_a_sparser_layer_costs_less_in_proportion_to_its_entries():
    sparse, dense = (run(eiesim.workload("NT-We", density=share)) for share in (0.1, 0.2))
    per_entry = [one.energy.by_component_uj["combinational"] / one.counters.entries for one in (sparse, dense)]
    assert sparse.counters.padding_entries / sparse.counters.entries < 1e-3
    assert per_entry[0] == pytest.approx(per_entry[1], rel=1e-3)
    assert sparse.energy.total_uj < dense.energy.total_uj


def test_long_vectors_pass_through_the_activation_sram(layer):
    """64 PEs hold 4,096 activations in registers; 63 PEs do not, and read each of the 4,096 from SRAM once."""
    held, paged = run(layer, pes=64), run(layer, pes=63)
    memory = [one.energy.by_module_uj["act_rw"] for one in (held, paged)]
    table = default_table()

    def reckoned(one, paged_in):
        accesses = 2 * one.counters.macs + 4096 + paged_in
        rows = -(-4096 // one.config.pes) * one.config.pes
        clock = (23 * one.counters.macs + 7 * rows) * table.pj.clock_bit
        return (accesses * 0.5 + paged_in * 1.1119 + clock) * 1e-6 + one.energy.leakage_by_module_uj["act_rw"]

    assert memory[0] == pytest.approx(reckoned(held, 0))
    assert memory[1] == pytest.approx(reckoned(paged, 4096))


def test_energies_do_not_depend_on_the_engine(layer):
    compressed, ones = layer
    short = ones * (np.arange(len(ones)) < 200)
    energies = [
        eiesim.simulate(compressed, short, engine=engine, outputs=False).energy for engine in ("recurrence", "clocked")
    ]
    assert energies[0] == energies[1]


def test_a_machine_beyond_the_sram_table_is_timed_without_energy(layer):
    result = eiesim.simulate(*layer, eiesim.MachineConfig(spmat_bytes=2**20), outputs=False)
    said = result.to_dict()
    assert result.energy is None
    assert "energy" not in said["layers"][0]
    assert "energy_uj" not in said["total"]
    assert any("CACTI table" in warning for warning in said["layers"][0]["warnings"])
    with pytest.raises(EieError, match="spmat SRAM"):
        run(layer, spmat_bytes=2**20, energy="activity")
    assert run(layer, spmat_bytes=2**20, energy="published").energy.total_uj > 0


def test_unknown_models_are_refused(layer):
    with pytest.raises(EieError, match="activity, published, calibrated"):
        run(layer, energy="guessed")


def test_json_has_the_contracts_keys(layer):
    said = eiesim.simulate(*layer, outputs=False).to_dict()
    energy = said["layers"][0]["energy"]
    assert {"total_uj", "power_w", "by_module_uj", "model"} <= set(energy)
    assert energy["model"] == "activity"
    assert said["total"]["energy_uj"] == energy["total_uj"]


def test_layers_in_a_row_add_up(layer):
    compressed, ones = layer
    second = eiesim.CompressedLayer.from_dense(np.eye(3, 600, dtype=np.float32))
    result = eiesim.simulate([compressed, second], ones)
    assert result.energy.total_uj == pytest.approx(sum(one.energy.total_uj for one in result.layers))
    assert result.energy.time_us == pytest.approx(result.time_us)


def test_stored_reference_counters_are_spec_machine_md():
    figures, rows, cols = reference_run()
    assert (figures.cycles, figures.scan_last, rows, cols) == (7896, 7838, 1000, 4096)
    counters = figures.counters
    assert (counters.entries, counters.pointer_reads, counters.spmat_row_reads) == (453_748, 112_640, 100_900)
    scan = counters.broadcasts + counters.scan_bubbles + counters.broadcast_stalls
    assert scan == figures.scan_last
    states = counters.busy_real + counters.busy_padding + counters.busy_empty + counters.starved
    assert states == figures.cycles * 64


def test_stored_reference_counters_are_those_of_the_authors_layer(tmp_path):
    shared = Path(__file__).parents[3] / "shared" / "data" / "alexnet_fc8" / "dump_64pe.tar.xz"
    if not shared.exists():
        pytest.skip("shared/data/alexnet_fc8 is not here; it has no licence and does not ship")
    with tarfile.open(shared) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(tmp_path)
    folder = next(path.parent for path in tmp_path.rglob("act.dat"))
    run_figures = eiesim.simulate(*eiesim.load_dump(folder, rows=1000), outputs=False).layers[0].metrics
    assert run_figures == reference_run()[0]


def test_replacing_the_table_changes_the_name_of_the_model(layer):
    table = default_table().model_copy(update={"name": "ours"})
    result = eiesim.simulate(*layer, outputs=False, energy_table=table)
    assert result.energy.model == "activity (ours)"
    assert replace(result.energy, model="activity") == eiesim.simulate(*layer, outputs=False).energy
