"""A user's own energy table: it takes effect, and what is malformed is refused in one line."""

import pytest

import eiesim
from eiesim import EieError
from eiesim.energy.model import energy_model, reference_run

TEXT = """
name = "half"
[pj]
multiply_fixed16 = 0.3
[sram.spmat]
read_pj = 8.8659
"""


def spent(table):
    figures, rows, cols = reference_run()
    return energy_model("activity", figures.config, table).estimate(figures, rows, cols)


def test_a_users_table_takes_effect(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    ours, theirs = spent(eiesim.load_energy_table(path)), spent(None)
    assert ours.model == "activity (half)"
    less = {name: theirs.by_module_uj[name] - ours.by_module_uj[name] for name in theirs.by_module_uj}
    assert less.pop("arithm_unit") == pytest.approx(453_748 * 0.3e-6)
    assert less.pop("spmat_read") == pytest.approx(100_900 * 8.8659e-6)
    assert all(abs(value) < 1e-12 for value in less.values())


def test_the_file_names_a_table_without_a_name(tmp_path):
    path = tmp_path / "our-28nm.toml"
    path.write_text('device_type = "itrs-lstp"\n')
    energy = spent(eiesim.load_energy_table(path))
    assert energy.model == "activity (our-28nm)"
    # The leakage of itrs-lstp, from CACTI's table: 128 KB, two banks of 16 KB, 2 KB.
    assert energy.leakage_uj == pytest.approx((0.03338 + 2 * 0.0046 + 0.00067) * 64 * 7896 / 800 * 1e-3)


def test_arrays_given_whole_need_no_cacti(tmp_path):
    path = tmp_path / "big.toml"
    path.write_text("[sram.spmat]\nread_pj = 50\nwrite_pj = 60\nleakage_mw = 8.5\n")
    layer, ones = eiesim.workload("NT-We", density=0.05)
    config = eiesim.MachineConfig(spmat_bytes=2**20)
    result = eiesim.simulate(layer, ones, config, outputs=False, energy_table=eiesim.load_energy_table(path)).layers[0]
    leaked = result.energy.leakage_by_module_uj["spmat_read"]
    assert leaked == pytest.approx(8.5 * 64 * result.time_us * 1e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[pj]\nmultiply = 1", "unknown key 'pj.multiply'"),
        ("[pj]\nmultiply_fixed16 = -1", "pj.multiply_fixed16 = -1"),
        ("[pj]\nmultiply_fixed16 = nan", "pj.multiply_fixed16"),
        ('[pj]\nmultiply_fixed16 = "1"', "pj.multiply_fixed16"),
        ("pj = 3", "pj"),
        ("[sram.cache]\nread_pj = 1", "sram.cache"),
        ('device_type = "finfet"', "device_type"),
        ("name = [", "not readable as TOML"),
    ],
)
def test_malformed_tables_are_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(EieError) as refusal:
        eiesim.load_energy_table(path)
    assert says in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_table_and_one_for_another_model_are_refused(tmp_path):
    with pytest.raises(EieError, match="no such energy table"):
        eiesim.load_energy_table(tmp_path / "none.toml")
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    with pytest.raises(EieError, match="not with 'published'"):
        energy_model("published", eiesim.MachineConfig(), eiesim.load_energy_table(path))
