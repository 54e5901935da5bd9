"""The RTL twin: SystemVerilog that equals the clocked machine in every cycle, and what drives it (docs/rtl.md).

The hardware is `sv/*.sv`, one file a unit, beside `eiesim/machine`. Python makes memory images, builds and drives a
simulator, compares every register and wire, and synthesises.
"""
