"""Tables of a comparison say the figures of its rows, each under its heading: made up here, no two of them alike."""

from types import SimpleNamespace

from eiesim.comparison.records import EieRow, Ratio, WaterfallRow, by_batch
from eiesim.comparison.terminal import check_table, eie_table, platform_table, ratio_table, waterfall_table
from eiesim.config import MachineConfig
from eiesim.energy.area import Platform
from eiesim.energy.check import Check


def cells(table):
    """Rows by the table's first column, each by heading."""
    columns = {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}
    first, *others = columns
    return {
        name: {heading: columns[heading][k] for heading in others} for k, name in enumerate(columns[first])
    }  # fmt: skip


def test_the_machine_s_table():
    rows = (
        EieRow("a", 10, 2.5, 2.0, 1.0, 1.0, "activity", 125.0, 0.321, 7.25, 3.0, 4.0),
        EieRow("b", 10, 40.0, None, 1.0, None, "activity", 20.0, 0.654, 9.125, 3.0, 4.0, 2, 35.0, 44.0, 18.0, 21.5),
    )
    table = eie_table(SimpleNamespace(eie=rows, config=MachineConfig(pes=16)))
    assert table.title == (
        "EIE, 16 PEs: times simulated, energies estimated (activity); Table IV published; "
        "means of 2 seeds, least to most"
    )
    assert cells(table) == {
        "a": {
            "time, µs": "2.50", "Table IV, µs": "2.0", "differ- ence": "+25.0%", "energy, µJ": "125.000",
            "power, W": "0.321", "by Table II, µJ": "7.250", "frames /J": "8,000",
        },
        "b": {
            "time, µs": "40.00\n(35.00 to 44.00)", "Table IV, µs": "-", "differ- ence": "-",
            "energy, µJ": "20.000\n(18.000 to 21.500)", "power, W": "0.654", "by Table II, µJ": "9.125",
            "frames /J": "50,000",
        },
    }  # fmt: skip


def test_ratios_stand_under_their_series_and_beside_their_layer():
    rows = [
        Ratio("a", "CPU", "CPU dense", "published", 1.0),
        Ratio("a", "GPU", "GPU comp", "published", 12.0, within_rounding=False),
        Ratio("b", "GPU", "GPU comp", "published", 345.6),
        Ratio("a", "EIE", "EIE simulated", "simulated", 1234.0),
        Ratio("geomean", "EIE", "EIE simulated", "simulated", 0.5),
        Ratio("b", "mGPU", "mGPU", "measured", 7.0),
    ]
    assert cells(ratio_table("Speed-up", rows)) == {
        "a": {"GPU comp": "12*", "EIE simulated": "1,234", "mGPU, measured": "-"},
        "b": {"GPU comp": "346", "EIE simulated": "-", "mGPU, measured": "7"},
        "geo. mean": {"GPU comp": "-", "EIE simulated": "0.5", "mGPU, measured": "-"},
    }


def test_each_batch_has_a_table_that_says_the_precision():
    rows = [
        Ratio("a", "CPU", "dense, batch 1", "measured", 1.0, batch=1, kind="dense"),
        Ratio("a", "CPU", "dense (int8), batch 1", "measured", 4.0, batch=1, kind="dense (int8)", precision="int8"),
        Ratio("a", "CPU", "dense, batch 64", "measured", 8.0, batch=64, kind="dense"),
        Ratio("a", "EIE", "EIE simulated", "simulated", 99.0),
    ]
    made = {batch: ratio_table("t", own, rows[0].series) for batch, own in by_batch(rows).items()}
    assert {batch: cells(table)["a"] for batch, table in made.items()} == {
        1: {"dense (int8)": "4", "EIE simulated": "99"},
        64: {"dense": "8", "EIE simulated": "99"},
    }


def test_checks_set_ours_beside_what_was_published():
    checks = [Check("module", "ptr_read", 2.0, 3.0, "a cause"), Check("PE", "total", 8.0, 6.0, "")]
    assert cells(check_table(checks)) == {
        "pointer read": {"published": "2.000", "estimated": "3.000", "difference": "+50%"},
        "total": {"published": "8.000", "estimated": "6.000", "difference": "-25%"},
    }


def test_savings_stand_under_their_steps():
    rows = [
        WaterfallRow("a", "dense, DRAM", 6400.0, 1.0, None),
        WaterfallRow("a", "dense, SRAM", 50.0, 128.0, 120.0),
        WaterfallRow("a", "pruned", 12.5, 4.0, 10.0),
        WaterfallRow("b", "dense, DRAM", 640.0, 1.0, None),
        WaterfallRow("b", "dense, SRAM", 5.0, 129.0, 120.0),
        WaterfallRow("b", "pruned", 2.5, 2.0, 10.0),
    ]
    assert cells(waterfall_table(SimpleNamespace(waterfall=rows))) == {
        "a": {"dense, DRAM": "6,400", "dense, SRAM": "50\n(128×)", "pruned": "12.5\n(4×)"},
        "b": {"dense, DRAM": "640", "dense, SRAM": "5\n(129×)", "pruned": "2.5\n(2×)"},
        "the paper": {"dense, DRAM": "", "dense, SRAM": "(120×)", "pruned": "(10×)"},
    }


def test_platforms_by_hand():
    """4 µs and 0.5 W: 250,000 frames a second, 500,000 a joule; of 8 mm² 31,250 a second and mm²."""
    platforms = [
        Platform("EIE", "simulated", 45, 4.0, 0.5, 8.0, 102.4),
        Platform("CPU", "published", 22, 5000.0, 70.0, None),
    ]
    found = cells(platform_table(SimpleNamespace(platforms=platforms)))
    assert found["EIE"] == {
        "basis": "simulated", "nm": "45", "mm²": "8.0", "W": "0.5", "peak GOP/s": "102.4", "frames /s": "250,000",
        "frames /s/mm²": "3.125e+04", "frames /J": "500,000",
    }  # fmt: skip
    assert found["CPU"]["frames /J"] == format(1e6 / 5000 / 70, ".3g")
    assert (found["CPU"]["mm²"], found["CPU"]["W"]) == ("-", "70")
