"""Energy counters of the machine at hand: RAPL for the CPU, NVML for a GPU. None where they cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

RAPL_FOLDER = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """A counter in microjoules that starts again at 0 after `wraps_at_uj` (0: it does not)."""

    name: str
    read_uj: Callable[[], float]
    wraps_at_uj: float = 0.0

    def since_uj(self, before: float) -> float:
        """Energy since the counter stood at `before`. It may have started again at 0 once, not more often."""
        used_uj = self.read_uj() - before
        return used_uj + self.wraps_at_uj if used_uj < 0 else used_uj


@cache
def rapl(folder: Path = RAPL_FOLDER) -> EnergyMeter | None:
    """The first package's RAPL counter."""
    for package in sorted(folder.glob("intel-rapl:[0-9]*")):
        file = package / "energy_uj"
        if package.name.count(":") > 1:
            continue
        try:
            float(file.read_text())
            wraps_at = float((package / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            continue
        return EnergyMeter(f"RAPL, {package.name}", lambda file=file: float(file.read_text()), wraps_at)  # type: ignore[misc]
    return None


@cache
def nvml() -> EnergyMeter | None:
    """The first GPU's NVML counter (millijoules since the driver was loaded)."""
    if not find_spec("pynvml"):
        return None
    pynvml = import_module("pynvml")
    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except pynvml.NVMLError:
        return None
    return EnergyMeter("NVML", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) * 1e3)
