"""Area by configuration, and what follows from time, energy and area together (EIE Tables II and V)."""

from dataclasses import dataclass, replace

from eiesim._sums import added
from eiesim.config import MachineConfig
from eiesim.energy.sram import DEFAULT_DEVICE_TYPE
from eiesim.energy.structure import POINTER_BANKS, lnzd_nodes, memory, register_bits
from eiesim.paper import source
from eiesim.paper.source import MODULES, technology_nm


@dataclass(frozen=True)
class Area:
    """Area of a machine at 45 nm.

    basis: published (Table II) or modelled (SRAM arrays from CACTI).
    pe_um2: of one PE by module, and `filler`. lnzd_um2: of all LNZD nodes.
    """

    basis: str
    pes: int
    pe_um2: dict[str, float]
    lnzd_um2: float

    @property
    def total_mm2(self) -> float:
        """PEs and LNZD nodes."""
        return (self.pes * added(self.pe_um2.values()) + self.lnzd_um2) * 1e-6


def published_area(pes: int) -> Area:
    """Table II's PE, `pes` times."""
    return Area("published", pes, source.module_area_um2(), _lnzd_um2(pes))


SYNTHESISED_UM2 = {"multiply": 13_712.0, "adder": 8_730.0}
"""The ArithmeticUnit of fixed16 by what a PE does: the RTL, synthesised as in docs/rtl.md, "Area and longest path"."""


def modelled_area(config: MachineConfig, device_type: str = DEFAULT_DEVICE_TYPE) -> Area:
    """SRAM arrays from CACTI, logic from Table II.

    Registers, combinational logic and clock network of Table II are spread over the register bits of the published PE,
    so their sum on the published machine is that of the chip. Another machine has them in proportion to its register
    bits, and an ArithmeticUnit that adds the share of a multiplying one that the RTL has by synthesis. Filler keeps its
    share. Raises EieError where an array is outside the CACTI table.
    """
    parts = source.component_area_um2()
    published_bits = added(register_bits(MachineConfig()).values())
    bit_um2 = added(parts[name] for name in ("register", "combinational", "clock_network")) / published_bits
    arrays = {
        "spmat_read": memory("spmat", config, device_type).area_um2,
        "ptr_read": POINTER_BANKS * memory("pointer", config, device_type).area_um2,
        "act_rw": memory("activation", config, device_type).area_um2,
    }
    bits = register_bits(config)
    modules = {name: arrays.get(name, 0.0) + bits[name] * bit_um2 for name in MODULES}
    if config.operation == "adder":
        multiplies = register_bits(config.replace(operation="multiply"))["arithm_unit"] * bit_um2
        modules["arithm_unit"] = multiplies * SYNTHESISED_UM2["adder"] / SYNTHESISED_UM2["multiply"]
    filled = source.pe_area_um2() - parts["filler"]
    modules["filler"] = added(modules.values()) * parts["filler"] / filled
    return Area("modelled", config.pes, modules, _lnzd_um2(config.pes))


def _lnzd_um2(pes: int) -> float:
    return lnzd_nodes(pes) * source.constant("lnzd_node_area_um2")


def peak_gops(config: MachineConfig) -> float:
    """Peak rate in 10**9 operations a second: a multiply and an add a cycle, PE and multiplier (EIE Sec. IV: 102 for
    64 PEs of one).
    """
    return 2 * config.pes * config.multipliers * config.clock_mhz * 1e-3


@dataclass(frozen=True)
class Platform:
    """A machine on a layer, as in Table V. basis: published, simulated, measured or estimated. area_mm2: None unknown.

    time_us: of a frame. power_w: mean over the frame. peak_gops: 10**9 operations a second, where known.
    """

    name: str
    basis: str
    technology_nm: int
    time_us: float
    power_w: float
    area_mm2: float | None
    peak_gops: float | None = None

    @property
    def frames_per_s(self) -> float:
        """One over the time."""
        return 1e6 / self.time_us

    @property
    def frames_per_j(self) -> float:
        """Frames a joule."""
        return self.frames_per_s / self.power_w

    @property
    def frames_per_s_mm2(self) -> float | None:
        """Frames a second and square millimetre."""
        return None if self.area_mm2 is None else self.frames_per_s / self.area_mm2


def published_platforms() -> list[Platform]:
    """Table V as printed, with the time from its frames a second."""
    made = []
    for name, cells in source.platforms().items():
        rate, watts, area = float(cells["frames/s"]), float(cells["W"]), cells["mm^2"]
        mm2 = None if area == "-" else float(area)
        made.append(Platform(name, "published", technology_nm(name), 1e6 / rate, watts, mm2))
    return made


def project_28nm(platform: Platform) -> Platform:
    """The paper's projection from 45 to 28 nm, inferred from Table V: delay / 1.6, area / 1.6^2, the same power."""
    factor = source.constant("projection_factor")
    area = None if platform.area_mm2 is None else platform.area_mm2 / factor**2
    return replace(
        platform,
        name=f"{platform.name}, projected",
        technology_nm=technology_nm(source.TABLE_V_EIE_28NM),
        time_us=platform.time_us / factor,
        area_mm2=area,
        peak_gops=None if platform.peak_gops is None else platform.peak_gops * factor,
    )
