"""Power at the gate: a PE mapped to a cell library, run beside the clocked machine, its toggles priced.

docs/power.md says what comes of it. liberty, functions, library: a cell library, read. netlist: the PE mapped by yosys;
circuit: what of it is simulated. simulate, timed: its cycles, every net's rises and falls; bench: the clocked machine
beside it. wires, clock_tree, delays, energy: what a rise and a fall cost, and the longest path. report, terminal, saif:
what is shown. run: the public function.
"""
