"""SRAM figures by capacity and width, from CACTI 7 at 45 nm (data/cacti7_45nm_sram.csv)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, log, log2

from eiesim._io.data import read_rows
from eiesim._sums import added
from eiesim.errors import EieError, unknown

DEVICE_TYPES = ("itrs-lop", "itrs-hp", "itrs-lstp")

DEFAULT_DEVICE_TYPE = "itrs-lop"
"""Low operating power. The published PE cannot be high-performance (itrs-hp): that leakage alone is over ten times
Table II's 9.157 mW. Nor low standby power (itrs-lstp): 2.2 ns for the 128 KB array is far from 800 MHz.
itrs-lop, at 1.45 ns, misses that clock least among the two that remain, and matches SpmatRead in Table II."""

_FIGURES = ("access_time_ns", "read_energy_pj", "write_energy_pj", "leakage_mw", "area_um2")


@dataclass(frozen=True)
class Sram:
    """One single-ported array, and what it costs."""

    device_type: str
    capacity_bytes: int
    width_bits: int
    access_time_ns: float
    read_energy_pj: float
    write_energy_pj: float
    leakage_mw: float
    area_um2: float


Point = tuple[int, int]


@cache
def _points(device_type: str) -> Mapping[Point, tuple[float, ...]]:
    """Logarithms of the figures by (capacity_bytes, width_bits)."""
    return {
        (int(row["capacity_bytes"]), int(row["width_bits"])): tuple(log(float(row[name])) for name in _FIGURES)
        for row in read_rows("eiesim.energy", "cacti7_45nm_sram.csv")
        if row["device_type"] == device_type
    }


@cache
def sram(capacity_bytes: int, width_bits: int, device_type: str = DEFAULT_DEVICE_TYPE) -> Sram:
    """An array's figures: the table's own at its points, bilinear between them, everything in logarithms.

    Between two neighbouring points of a row or column of the table each figure is monotone.
    Raises EieError outside the table's range: nothing is extrapolated.
    """
    if device_type not in DEVICE_TYPES:
        raise unknown("no SRAM device type", device_type, DEVICE_TYPES)
    points = _points(device_type)
    capacities = sorted({capacity for capacity, _ in points})
    widths = sorted({width for _, width in points})
    low_c, high_c = _around(capacity_bytes, capacities)
    low_w, high_w = _around(width_bits, widths)
    corners = [(c, w) for c in (low_c, high_c) for w in (low_w, high_w)]
    if not all(corner in points for corner in corners):
        raise EieError(
            f"an SRAM of {capacity_bytes:,} bytes, {width_bits} bits wide, is outside the CACTI table: it covers "
            f"{capacities[0]:,} to {capacities[-1]:,} bytes and {widths[0]} to {widths[-1]} bits "
            f"({widths[-1]} bits from {capacities[1]:,} bytes on), and is not extrapolated"
        )
    across, along = _share(capacity_bytes, low_c, high_c), _share(width_bits, low_w, high_w)
    weights = ((1 - across) * (1 - along), (1 - across) * along, across * (1 - along), across * along)
    values = [
        exp(added(weight * points[corner][k] for weight, corner in zip(weights, corners) if weight))
        for k in range(len(_FIGURES))
    ]
    return Sram(device_type, capacity_bytes, width_bits, *values)


def _around(value: int, known: list[int]) -> Point:
    """The known values next to `value`, below and above; (0, 0) outside their range."""
    if not known[0] <= value <= known[-1]:
        return 0, 0
    return max(k for k in known if k <= value), min(k for k in known if k >= value)


def _share(value: int, low: int, high: int) -> float:
    return 0.0 if low == high else log2(value / low) / log2(high / low)
