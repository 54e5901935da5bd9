"""Which PE holds the others up, and what would help? `python examples/slowest_pe.py [LAYER]`.

Follows one input through the layer: the PEs on its critical path, the broadcast stalls that each caused, and the cycles
with rows dealt out by their number of weights. Draws the trace into slowest_pe.png.
"""

import sys

import eiesim


def main(name: str) -> None:
    """Trace, find the path, balance, print, draw."""
    layer = eiesim.open(name)
    trace = eiesim.trace(layer)
    path = eiesim.critical_path(layer)
    for pe in sorted(range(path.pes), key=path.by_pe.__getitem__, reverse=True)[:3]:
        print(
            f"PE {pe}: {path.by_pe[pe]:,} of {path.cycles:,} cycles on the critical path, "
            f"{trace.stall_caused[pe]:,} broadcast stalls caused"
        )
    for order in eiesim.balance(layer).assignments:
        print(f"rows {order.name}: {order.cycles:,} cycles")
    trace.save("slowest_pe.png")
    print("drawn: slowest_pe.png")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["table3:NT-We"])
