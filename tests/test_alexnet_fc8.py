"""The authors' own layer: every checked value of docs/machine.md, last section."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import eiesim

from .oracle import golden

DUMP = Path(__file__).resolve().parents[2] / "shared" / "data" / "alexnet_fc8" / "dump_64pe.tar.xz"

pytestmark = pytest.mark.skipif(
    not DUMP.is_file(), reason="../shared/data/alexnet_fc8 is not there (it has no licence)"
)

EVERYWHERE = {
    "broadcasts": 1760,
    "entries": 453748,
    "padding_entries": 0,
    "macs": 453748,
    "pointer_reads": 112640,
    "queue_pushes": 112640,
    "queue_pops": 112640,
    "empty_columns": 1150,
    "scan_bubbles": 47,
}
AT_DEPTH = {
    7: {"broadcast_stalls": 6068, "bypasses": 1143, "starved": 52366, "spmat_row_reads": 100900},
    8: {"broadcast_stalls": 6031, "bypasses": 1134, "starved": 50446, "spmat_row_reads": 100900},
}
SCAN_LAST = {7: 7875, 8: 7838}
OCCUPANCY = {7: (5, 7), 8: (6, 8)}
CYCLES = {1: 10194, 2: 8827, 3: 8386, 7: 7926, 8: 7896, 15: 7794, 16: 7794, 64: 7794}
ROW_READS = {16: 258386, 32: 158921, 64: 100900, 128: 60396, 256: 32551, 512: 16468}


@pytest.fixture(scope="module")
def fc8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fc8")
    with tarfile.open(DUMP) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(folder)
    (acts,) = folder.rglob("act.dat")
    return eiesim.load_dump(acts.parent, rows=1000)


@pytest.fixture(scope="module")
def operands(fc8):
    """The layer as the oracle takes it: codes [rows][cols], bias codes, codebook, activations."""
    layer, activations = fc8
    codes = np.zeros(layer.shape, np.uint8)
    codes[layer.indices, np.repeat(np.arange(layer.cols), np.diff(layer.indptr))] = layer.codes
    return codes.tolist(), layer.bias_codes.tolist(), layer.codebook.tolist(), activations.tolist()


@pytest.fixture(scope="module")
def float32_sums(operands):
    return golden.float32_sums(*operands)


@pytest.fixture(scope="module")
def fixed16_sums(operands):
    """(accumulators, fraction bits), all three automatic."""
    *weights, activations = operands
    chosen = {"activation": "auto", "weight": "auto", "output": "auto"}
    used = golden.fraction_bits(*weights, [activations], 16, chosen)  # type: ignore[call-arg]
    return golden.fixed_sums(*weights, activations, 16, used), used  # type: ignore[call-arg]


def check(result, depth):
    assert result.cycles == CYCLES[depth]
    assert result.layers[0].scan_last == SCAN_LAST[depth]
    found = {name: getattr(result.counters, name) for name in EVERYWHERE | AT_DEPTH[depth]}
    assert found == EVERYWHERE | AT_DEPTH[depth]
    occupancy = result.per_pe.max_occupancy
    assert (occupancy.min(), occupancy.max()) == OCCUPANCY[depth]


@pytest.mark.parametrize("depth", [7, 8])
@pytest.mark.parametrize("arithmetic", ["float32", "fixed16"])
@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_the_counters_of_both_designs(fc8, engine, arithmetic, depth):
    config = eiesim.MachineConfig(queue_depth=depth, arithmetic=arithmetic)
    check(eiesim.simulate(*fc8, config, engine), depth)


def test_the_authors_simulator_as_an_event_model(fc8, float32_sums):
    result = eiesim.simulate(*fc8, eiesim.preset("isca16-simulator"), "event")
    check(result, 7)
    assert result.outputs.tobytes() == np.maximum(float32_sums, 0).tobytes()


def test_the_time_printed_in_table_iv(fc8):
    result = eiesim.simulate(*fc8, eiesim.preset("isca16-simulator"))
    assert (round(result.time_us, 1), round(result.layers[0].metrics.theoretical_us, 1)) == (9.9, 8.9)


@pytest.mark.parametrize("depth", CYCLES)
@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_cycles_by_queue_depth(fc8, engine, depth):
    config = eiesim.MachineConfig(queue_depth=depth)
    assert eiesim.simulate(*fc8, config, engine, outputs=False).cycles == CYCLES[depth]


@pytest.mark.parametrize("width", ROW_READS)
@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_sram_row_reads_by_width(fc8, engine, width):
    config = eiesim.MachineConfig(spmat_width=width)
    result = eiesim.simulate(*fc8, config, engine, outputs=False)
    assert result.counters.spmat_row_reads == ROW_READS[width]


@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_float32_outputs_are_a_sum_in_column_order(fc8, float32_sums, engine):
    result = eiesim.simulate(*fc8, eiesim.preset("isca16-simulator"), engine)
    assert result.outputs.tobytes() == np.maximum(float32_sums, 0).tobytes()


@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_fixed16_outputs_are_the_golden_products(fc8, fixed16_sums, engine):
    sums, used = fixed16_sums
    result = eiesim.simulate(*fc8, eiesim.MachineConfig(), engine)
    assert result.layers[0].fraction_bits == used
    assert result.layers[0].runs[0].sums.tolist() == sums
