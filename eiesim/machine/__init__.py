"""The hardware, one file a unit (EIE Fig. 4); `clock` joins them and drives them in two phases.

Every unit is written the same way: `registers` and `wires` list its fields, `propagate` drives its wires from its
registers and memories, `update` takes its registers from wires, and `busy` tells whether it still has something to do.
Arguments stand in one order and those that a unit does not need are left out: `p` (the PE's number), `own` (its
registers), `out` (its wires), its memories and constants, the wires of other units, and last what `clock.settle`
decided. `latency` says how many cycles lie between the units.
"""
