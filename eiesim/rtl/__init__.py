"""The RTL twin: SystemVerilog that equals the clocked machine in every cycle, and what drives it (docs/rtl.md).

The hardware is `sv/*.sv`, one file a unit, beside `eiesim/machine`. Python makes memory images, builds and drives a
simulator, compares every register and wire, and synthesises; `gates/` runs the netlist and prices its toggles.
"""

from typing import TYPE_CHECKING

import lazy_loader  # type: ignore[import-untyped]

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"gates.run": ["power"]})

if TYPE_CHECKING:
    from eiesim.rtl.gates.run import power as power
