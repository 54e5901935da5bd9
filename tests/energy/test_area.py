"""Area, peak rate and the paper's projection against Tables II and V."""

import pytest

from eiesim import MachineConfig
from eiesim.energy.area import Platform, modelled_area, peak_gops, project_28nm, published_area


def test_published_area_is_table_ii_times_the_pes():
    assert published_area(64).total_mm2 == pytest.approx((64 * 638_024 + 21 * 189) * 1e-6, abs=1e-4)
    assert round(published_area(64).total_mm2, 1) == 40.8


def test_modelled_area_is_near_the_chip():
    modelled, published = modelled_area(MachineConfig()), published_area(64)
    assert modelled.total_mm2 == pytest.approx(published.total_mm2, rel=0.03)
    assert modelled.pe_um2["spmat_read"] == pytest.approx(published.pe_um2["spmat_read"], rel=0.05)
    logic = (
        sum(modelled.pe_um2[name] for name in modelled.pe_um2 if name != "filler") - 484_497.5 - 2 * 56_760.5 - 7_848.8
    )
    assert logic == pytest.approx(9_465 + 8_946 + 866)


def test_area_follows_pes_and_memories():
    one, four = (modelled_area(MachineConfig(pes=pes)) for pes in (64, 256))
    assert four.total_mm2 - four.lnzd_um2 * 1e-6 == pytest.approx(4 * (one.total_mm2 - one.lnzd_um2 * 1e-6))
    large = modelled_area(MachineConfig(spmat_bytes=262144))
    assert large.pe_um2["spmat_read"] - one.pe_um2["spmat_read"] == pytest.approx(983_103.5 - 484_497.5)
    same = [name for name in one.pe_um2 if name not in ("spmat_read", "filler")]
    assert all(large.pe_um2[name] == one.pe_um2[name] for name in same)
    deep = modelled_area(MachineConfig(queue_depth=64))
    assert [name for name in same if deep.pe_um2[name] != one.pe_um2[name]] == ["act_queue"]


def test_peak_rate():
    assert peak_gops(MachineConfig()) == pytest.approx(102.4)


def test_table_v_from_time_power_and_area():
    eie = Platform("EIE", "published", 45, 12.2, 0.59, 40.8)
    assert round(eie.frames_per_s) == 81_967
    assert round(eie.frames_per_s_mm2) == 2_009
    assert eie.frames_per_j == pytest.approx(138_927, rel=1e-4)


def test_the_projection_to_28_nm_gives_table_v():
    """Table V's 256 PEs: 3.25 times as fast as 64, four times the power and area, then projected."""
    wide = Platform("EIE", "published", 45, 12.2 / 3.25, 4 * 0.59, 4 * 40.83)
    small = project_28nm(wide)
    assert small.frames_per_s == pytest.approx(426_230, rel=1e-4)
    assert small.power_w == pytest.approx(2.36)
    assert small.area_mm2 == pytest.approx(63.8, abs=0.05)
    assert small.frames_per_s_mm2 == pytest.approx(6_681, rel=1e-3)
    assert small.frames_per_j == pytest.approx(180_606, rel=1e-4)


def test_multipliers_bring_an_arithmetic_unit_each():
    one, four = MachineConfig(), MachineConfig(multipliers=4)
    before, after = modelled_area(one), modelled_area(four)
    assert after.pe_um2["arithm_unit"] == pytest.approx(4 * before.pe_um2["arithm_unit"])
    for name in ("spmat_read", "ptr_read", "act_queue"):
        assert after.pe_um2[name] == before.pe_um2[name]
    assert peak_gops(four) == 4 * peak_gops(one)
