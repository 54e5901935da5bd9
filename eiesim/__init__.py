"""eiesim: the open reference simulator of EIE, the sparse neural-network accelerator (Han et al., ISCA 2016)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from eiesim.config import MachineConfig, load_config, preset
    from eiesim.encoding import InterleavedLayer, decode, interleave
    from eiesim.energy.events import EnergyTable, load_energy_table
    from eiesim.energy.record import Energy
    from eiesim.errors import EieError
    from eiesim.files.dump import load_dump, save_dump
    from eiesim.files.network import Network, load_network
    from eiesim.files.npz import load, load_inputs, save
    from eiesim.layer import CompressedLayer
    from eiesim.result import LayerResult, Result
    from eiesim.simulation import simulate
    from eiesim.study.balance import balance
    from eiesim.study.sweep import sweep
    from eiesim.workloads import workload

_HOME_OF = {
    "CompressedLayer": "layer",
    "EieError": "errors",
    "Energy": "energy.record",
    "EnergyTable": "energy.events",
    "InterleavedLayer": "encoding",
    "LayerResult": "result",
    "MachineConfig": "config",
    "Network": "files.network",
    "Result": "result",
    "balance": "study.balance",
    "decode": "encoding",
    "interleave": "encoding",
    "load": "files.npz",
    "load_config": "config",
    "load_energy_table": "energy.events",
    "load_dump": "files.dump",
    "load_inputs": "files.npz",
    "load_network": "files.network",
    "preset": "config",
    "save": "files.npz",
    "save_dump": "files.dump",
    "simulate": "simulation",
    "sweep": "study.sweep",
    "workload": "workloads",
}

__all__ = [
    "CompressedLayer",
    "EieError",
    "Energy",
    "EnergyTable",
    "InterleavedLayer",
    "LayerResult",
    "MachineConfig",
    "Network",
    "Result",
    "balance",
    "decode",
    "interleave",
    "load",
    "load_config",
    "load_dump",
    "load_energy_table",
    "load_inputs",
    "load_network",
    "preset",
    "save",
    "save_dump",
    "simulate",
    "sweep",
    "workload",
]


def __getattr__(name: str) -> Any:
    # Public names are imported when first used: `eiesim --help` should not wait for numba.
    if name not in _HOME_OF:
        raise AttributeError(f"module 'eiesim' has no attribute '{name}'")
    module = import_module(f"eiesim.{_HOME_OF[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
