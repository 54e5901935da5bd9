"""Power at the gate: the PE mapped to a cell library, run beside the clocked machine, its toggles priced (docs/power.md).

liberty, functions, library: a cell library, read. netlist: the PE mapped by yosys; circuit: what of it is simulated.
simulate, timed: the netlist's cycles, every net's rises and falls. recording: the clocked machine beside it.
wires, delays, clock_tree, energy: what a rise and a fall cost. paths: the longest path. report, terminal, saif: what
is shown. run: the public function.
"""
