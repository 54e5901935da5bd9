"""SRAM figures: the table at its points, monotone between, nothing beyond."""

import csv
from pathlib import Path

import pytest

import eiesim.energy
from eiesim import EieError
from eiesim.energy.sram import sram

TABLE = Path(eiesim.energy.__file__).parent / "data" / "cacti7_45nm_sram.csv"
FIGURES = ("access_time_ns", "read_energy_pj", "write_energy_pj", "leakage_mw", "area_um2")
ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))


def test_the_table_is_exact_at_all_its_points():
    assert len(ROWS) == 186
    for row in ROWS:
        array = sram(int(row["capacity_bytes"]), int(row["width_bits"]), row["device_type"])
        for name in FIGURES:
            assert getattr(array, name) == pytest.approx(float(row[name]), rel=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_monotone_between_neighbouring_widths(name):
    values = [getattr(sram(131072, width), name) for width in range(64, 129, 8)]
    assert values in (sorted(values), sorted(values, reverse=True))
    assert min(values[1:-1]) > min(values[0], values[-1])
    assert max(values[1:-1]) < max(values[0], values[-1])


@pytest.mark.parametrize("name", FIGURES)
def test_monotone_between_neighbouring_capacities(name):
    values = [getattr(sram(capacity, 64), name) for capacity in range(65536, 131073, 8192)]
    assert values in (sorted(values), sorted(values, reverse=True))


def test_halfway_in_logarithms_is_the_geometric_mean():
    low, high, between = sram(32768, 64), sram(65536, 64), sram(46341, 64)
    assert between.area_um2 == pytest.approx((low.area_um2 * high.area_um2) ** 0.5, rel=1e-4)


@pytest.mark.parametrize(("capacity", "width"), [(1024, 64), (2**20, 64), (131072, 4), (131072, 1024), (2048, 512)])
def test_nothing_is_extrapolated(capacity, width):
    with pytest.raises(EieError, match="2,048 to 524,288 bytes and 8 to 512 bits"):
        sram(capacity, width)


def test_the_device_type_is_the_one_asked_for():
    assert sram(131072, 64, "itrs-hp").leakage_mw > 50 * sram(131072, 64).leakage_mw
    with pytest.raises(EieError, match="itrs-lop"):
        sram(131072, 64, "itrs-xyz")
