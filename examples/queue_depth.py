"""How deep should the queues be? EIE's Fig. 8 for layers of your choice: `python examples/queue_depth.py [LAYER...]`.

A LAYER is whatever the command line takes: a file, a network folder, `table3:NAME`. Prints cycles by queue depth, and
draws them into the folder `queue_depth`.
"""

import sys

import eiesim


def main(layers: list[str]) -> None:
    """Sweep, print, draw."""
    table = eiesim.sweep(layers, {"queue_depth": "1:64:x2"})
    print(table.pivot(index="layer", columns="queue_depth", values="cycles").to_string())
    enough = table[table["cycles"] <= 1.02 * table.groupby("layer")["cycles"].transform("min")]
    for layer, depth in enough.groupby("layer")["queue_depth"].min().items():
        print(f"{layer}: {depth} places are within 2 % of the best")
    for file in eiesim.plot(table, "queue_depth"):
        print(f"drawn: {file}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["table3:Alex-8", "table3:NT-We"])
