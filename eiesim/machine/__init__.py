"""The hardware, one file a unit (EIE Fig. 4); `clock` joins them and drives them in two phases.

Every unit has the same functions, with arguments in one order:

    PORTS                                               what connects it to the others, beside its SystemVerilog ports
    registers(value, lanes, numbers), wires(...)        its records' fields; value: the dtype of an activation,
                                                        lanes: multipliers of a PE, numbers: columns' go along
    propagate(p, own, out, memories...)                 phase 1: drives its wires `out` from its registers `own`
    update(p, own, out, memories..., wires..., settled) phase 2: takes its registers from wires
    busy(own)                                           whether it still holds something that has to move on

p is the PE (the LNZD is one for all PEs and has none, nor lanes), wires are other units', and settled is what all units
agree on between the phases: `fires`, the candidate is broadcast, and `row_taken`, the LNZD takes the next activation
row.
"""
