"""The drawings of how-it-works.md, and its table of one broadcast: `python docs/drawings.py` makes them anew.

The example is the paper's Fig. 2: 4 PEs, a 16 x 8 matrix, activations at places 2, 4, 5 and 7. PE 0's weights are those
of Fig. 3; the other PEs' are made up here, since the paper prints their pattern as a picture only.
"""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

import eiesim
from eiesim.arithmetic import prepare
from eiesim.job import Job
from eiesim.machine import clock

HERE = Path(__file__).parent / "pictures"
PE_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7")
STYLE = {"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "eiesim", "font.family": "sans-serif"}
FIG3_PE0 = ((0, 0), (8, 0), (12, 0), (4, 1), (0, 2), (12, 2), (0, 4), (4, 4), (0, 5), (12, 5), (0, 6), (8, 7), (12, 7))
OTHERS = (
    *((1, 1), (5, 2), (9, 2), (13, 4), (1, 5), (9, 7)),
    *((2, 0), (6, 2), (10, 2), (14, 2), (2, 4), (6, 4), (10, 4), (14, 5), (6, 7)),
    *((3, 2), (7, 5), (15, 5), (11, 6), (3, 7)),
)
ACTIVE = (2, 4, 5, 7)


def example() -> tuple[eiesim.CompressedLayer, np.ndarray]:
    """The layer and its input."""
    weights = np.zeros((16, 8), np.float32)
    for k, (row, column) in enumerate((*FIG3_PE0, *OTHERS)):
        weights[row, column] = 1 + k % 15
    activations = np.zeros(8, np.float32)
    activations[list(ACTIVE)] = 1.0
    return eiesim.CompressedLayer.from_dense(weights, name="Fig. 2"), activations


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal")
    return figure, axes


def interleaving() -> Figure:
    """After Fig. 2: who owns which row, and which weights the input touches."""
    layer, activations = example()
    dense = layer.to_dense()
    figure, axes = _canvas(7.2, 5.4)
    for j in range(8):
        sent = activations[j] != 0
        axes.add_patch(
            Rectangle((j, 17), 0.9, 0.9, facecolor=PE_COLOURS[j % 4] if sent else "white", edgecolor="#888888")
        )
        axes.text(j + 0.45, 17.45, f"a{j}" if sent else "0", ha="center", va="center")
    axes.text(-0.4, 17.45, "activations a", ha="right", va="center")
    for i in range(16):
        for j in range(8):
            kept, used = dense[i, j] != 0, dense[i, j] != 0 and activations[j] != 0
            box = Rectangle(
                (j, 15 - i), 0.9, 0.9, facecolor=PE_COLOURS[i % 4] if kept else "white",
                edgecolor="black" if used else "#CCCCCC", linewidth=1.4 if used else 0.5,
                alpha=1.0 if used or not kept else 0.35,
            )  # fmt: skip
            axes.add_patch(box)
            if kept:
                axes.text(j + 0.45, 15.45 - i, f"{i},{j}", ha="center", va="center", fontsize=6.5)
        axes.text(-0.4, 15.45 - i, f"PE {i % 4}", ha="right", va="center", fontsize=8)
        axes.add_patch(Rectangle((9.6, 15 - i), 0.9, 0.9, facecolor=PE_COLOURS[i % 4], edgecolor="#888888"))
        axes.text(10.05, 15.45 - i, f"b{i}", ha="center", va="center", fontsize=7)
    axes.text(8.95, 8.0, "→", fontsize=14, ha="center", va="center")
    axes.text(4, -0.9, "weights W: coloured = kept, framed = multiplied for this input", ha="center", fontsize=8)
    axes.set_xlim(-4, 11)
    axes.set_ylim(-1.5, 18.2)
    return figure


BOXES = {
    "lnzd": (0.0, 5.1, 2.6, 1.1, "LNZD / CCU", "finds the next\nnon-zero activation"),
    "queue": (4.4, 5.1, 2.4, 1.1, "ActivationQueue", "FIFO of (j, a_j)"),
    "pointer": (8.2, 5.1, 2.6, 1.1, "PointerRead", "p_j and p_j+1 from\ntwo banks"),
    "spmat": (8.2, 2.9, 2.6, 1.1, "SpmatRead", "64 bits = 8 entries\n(code, z) a row"),
    "arithmetic": (4.4, 2.9, 2.4, 1.1, "ArithmeticUnit", "codebook, multiply,\nshift and add, write"),
    "rw": (0.0, 2.9, 2.6, 1.1, "ActivationRW", "source and\ndestination banks"),
}
ARROWS = (
    ("lnzd", "queue", "(j, a_j)\nto all"),
    ("queue", "pointer", "head"),
    ("pointer", "spmat", "address"),
    ("spmat", "arithmetic", "code, z,\na_j"),
    ("arithmetic", "rw", "sum,\nrow"),
    ("rw", "lnzd", "next activation row"),
)


def block_diagram() -> Figure:
    """After Fig. 4: one PE and the LNZD; a box is a file of eiesim/machine/."""
    figure, axes = _canvas(7.2, 3.6)
    axes.add_patch(
        FancyBboxPatch((4.0, 2.3), 7.2, 4.5, boxstyle="round,pad=0.1", facecolor="#F4F6F8", edgecolor="#888888")
    )
    axes.text(11.1, 6.55, "one PE of N", ha="right", fontsize=8, color="#555555")
    for x, y, width, height, name, text in BOXES.values():
        colour = "#D8ECF8" if name != "LNZD / CCU" else "#FBE3C0"
        axes.add_patch(
            FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.06", facecolor=colour, edgecolor="#333333")
        )
        axes.text(x + width / 2, y + height - 0.24, name, ha="center", va="center", fontweight="bold", fontsize=8.5)
        axes.text(x + width / 2, y + 0.36, text, ha="center", va="center", fontsize=7)
    for start, end, label in ARROWS:
        x0, y0, w0, h0 = BOXES[start][:4]
        x1, y1, w1, h1 = BOXES[end][:4]
        across = abs(x1 - x0) > abs(y1 - y0)
        right, up = x1 > x0, y1 > y0
        begin = (
            (x0 + w0 * right + (0.08 if right else -0.08), y0 + h0 / 2)
            if across
            else (x0 + w0 / 2, y0 + (h0 + 0.08) * up - 0.08 * (not up))
        )
        finish = (
            (x1 + w1 * (not right) + (-0.08 if right else 0.08), y1 + h1 / 2)
            if across
            else (x1 + w1 / 2, y1 + (h1 + 0.08) * (not up) - 0.08 * up)
        )
        axes.add_patch(
            FancyArrowPatch(begin, finish, arrowstyle="-|>", mutation_scale=10, color="#333333", linewidth=1)
        )
        middle = ((begin[0] + finish[0]) / 2, (begin[1] + finish[1]) / 2)
        axes.text(
            *(middle[0], middle[1] + 0.08) if across else (middle[0] + 0.1, middle[1]),
            label,
            ha="center" if across else "left",
            va="bottom" if across else "center",
            fontsize=6.5,
            color="#0B5CAD",
        )
    axes.add_patch(
        FancyArrowPatch(
            (5.6, 6.25),
            (1.5, 6.25),
            connectionstyle="arc3,rad=0.35",
            arrowstyle="-|>",
            mutation_scale=9,
            color="#D55E00",
            linewidth=1,
        )
    )
    axes.text(3.4, 7.2, "full: the broadcast waits", ha="center", fontsize=6.5, color="#D55E00")
    axes.text(
        4.3,
        2.55,
        "bypass: the sum just formed, where the next entry needs it",
        ha="left",
        fontsize=6.5,
        color="#555555",
    )
    axes.set_xlim(-0.1, 11.6)
    axes.set_ylim(2.0, 7.5)
    return figure


STAGES = (
    "in the queue",
    "PointerRead",
    "SpmatRead",
    "1 codebook, row",
    "2 multiply",
    "3 shift, add",
    "4 write",
    "written",
)


def journey(
    queue_depth: int = 1,
) -> tuple[dict[tuple[int, str], list[tuple[int, int]]], dict[int, tuple[int, bool]], int]:
    """What the clocked machine does with the example, read from its registers in every cycle.

    ({(PE, stage): [(cycle, column)]}, {cycle: (column the LNZD offers, whether it is sent)}, cycles).
    """
    layer, activations = example()
    config = eiesim.MachineConfig(pes=4, queue_depth=queue_depth, arithmetic="float32")
    operands = prepare(layer, activations[None], config, True)
    job = Job.of(eiesim.interleave(layer, 4), operands, config, True)
    seen: dict[tuple[int, str], list[tuple[int, int]]] = {}
    offered: dict[int, tuple[int, bool]] = {}
    walked = [-1] * 4
    pipeline: list[list[int]] = [[-1] * 6 for _ in range(4)]

    def hook(cycle: int, machine: clock.MachineState) -> None:
        candidate = machine.candidate[0]
        full = any(machine.wires[p].activation_queue.full for p in range(4))
        if candidate.found:
            offered[cycle] = (int(candidate.column), not full)
        for p in range(4):
            pe, wires = machine.registers[p], machine.wires[p]
            queue = pe.activation_queue
            for k in range(int(queue.count)):
                place = machine.queues[p, (int(queue.head) + k) % machine.queues.shape[1]]
                seen.setdefault((p, STAGES[0]), []).append((cycle, int(place.column)))
            # The column register holds only in a column's first cycle; behind it the number travels in this script.
            if pe.pointer_read.first:
                walked[p] = int(pe.pointer_read.column)
            if pe.pointer_read.valid:
                seen.setdefault((p, STAGES[1]), []).append((cycle, walked[p]))
            for stage, column in zip(STAGES[2:], pipeline[p], strict=True):
                if column >= 0:
                    seen.setdefault((p, stage), []).append((cycle, column))
            entering = walked[p] if wires.pointer_read.valid else -1
            pipeline[p] = [entering, *pipeline[p][:-1]]

    cycles, _ = clock.run(clock.build(job, job.in_rows(operands.activations, operands.one)[0]), hook)
    return seen, offered, cycles


COLUMN_COLOURS = {2: "#56B4E9", 4: "#E69F00", 5: "#009E73", 7: "#CC79A7"}


def timeline(pe: int = 2, queue_depth: int = 1) -> Figure:
    """One PE's way through the example, cycle by cycle, with the LNZD above it."""
    seen, offered, cycles = journey(queue_depth)
    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    axes = figure.add_subplot()
    names = ("LNZD", *STAGES)
    for cycle, (column, sent) in offered.items():
        axes.add_patch(
            Rectangle(
                (cycle - 0.46, -0.4),
                0.92,
                0.8,
                facecolor=COLUMN_COLOURS[column],
                hatch="" if sent else "////",
                edgecolor="white" if sent else "#D55E00",
            )
        )
        axes.text(cycle, 0, f"a{column}", ha="center", va="center", fontsize=8)
    for k, stage in enumerate(STAGES, start=1):
        for cycle, column in seen.get((pe, stage), []):
            axes.add_patch(
                Rectangle((cycle - 0.46, k - 0.4), 0.92, 0.8, facecolor=COLUMN_COLOURS[column], edgecolor="white")
            )
            axes.text(cycle, k, f"{column}", ha="center", va="center", fontsize=8)
    axes.set_xlim(0.4, cycles + 0.6)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xticks(range(1, cycles + 1))
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("cycle")
    axes.set_title(
        f"PE {pe} of 4, queue depth {queue_depth}: numbers are columns; hatched: the broadcast waits for a full queue",
        fontsize=8.5, loc="left",
    )  # fmt: skip
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)
    axes.tick_params(length=0)
    return figure


def queues() -> Figure:
    """All four PEs with a queue of one place and of eight: what each walks, and what waits in its queue."""
    figure = Figure(figsize=(7.2, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, sharey=True)
    for axes, depth, title in ((upper, 1, "one place"), (lower, 8, "eight places")):
        seen, offered, cycles = journey(depth)
        for cycle, (column, sent) in offered.items():
            _cell(axes, cycle, 0, column, f"a{column}", waits=not sent)
        for pe in range(4):
            top = 1.35 + 1.6 * pe
            for cycle, column in seen[pe, "PointerRead"]:
                _cell(axes, cycle, top + 0.75, column, f"{column}")
            waiting: dict[int, list[int]] = {}
            for cycle, column in seen.get((pe, "in the queue"), []):
                waiting.setdefault(cycle, []).append(column)
            for cycle, columns in waiting.items():
                for k, column in enumerate(columns):
                    _cell(axes, cycle, top + 0.1 - 0.26 * k, column, "", height=0.22)
        axes.axvline(cycles + 0.5, color="#333333", linewidth=1)
        axes.set_title(f"queues of {title}: done after {cycles} cycles", loc="left", fontsize=9)
        ticks = [0.0]
        names = ["LNZD"]
        for pe in range(4):
            ticks += [1.45 + 1.6 * pe, 2.1 + 1.6 * pe]
            names += ["queue", f"PE {pe}"]
        axes.set_yticks(ticks, names, fontsize=8)
        axes.set_xlim(0.4, 18.7)
        axes.set_xticks(range(1, 19))
        axes.grid(axis="x", color="#EEEEEE")
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        for spine in ("top", "right"):
            axes.spines[spine].set_visible(False)
    upper.set_ylim(7.6, -0.6)
    lower.set_xlabel("cycle")
    return figure


def _cell(
    axes: Axes, cycle: int, y: float, column: int, text: str, height: float = 0.6, *, waits: bool = False
) -> None:
    axes.add_patch(
        Rectangle(
            (cycle - 0.46, y - height / 2), 0.92, height, facecolor=COLUMN_COLOURS[column],
            hatch="////" if waits else "", edgecolor="#D55E00" if waits else "white",
        )
    )  # fmt: skip
    if text:
        axes.text(cycle, y, text, ha="center", va="center", fontsize=8)


IN_WORDS = {
    "in the queue": "in the queue",
    "PointerRead": "PointerRead sends {entry}",
    "SpmatRead": "{entry} read",
    "1 codebook, row": "{entry} looked up",
    "2 multiply": "{entry} multiplied",
    "3 shift, add": "{entry} added",
    "4 write": "{entry} written",
}
PAGE = Path(__file__).parent / "how-it-works.md"
BEGIN, END = "<!-- python docs/drawings.py writes this table -->", "<!-- up to here -->"


def followed(column: int = 5) -> str:
    """One broadcast through all four PEs as a Markdown table, a line a cycle, from being found to its last write."""
    seen, offered, cycles = journey(1)
    number = str(column).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    lines = ["| cycle | LNZD | PE 0 | PE 1 | PE 2 | PE 3 |", "| ---: | --- | --- | --- | --- | --- |"]
    for cycle in range(1, cycles + 1):
        offer = offered.get(cycle)
        told = ""
        if offer and offer[0] == column:
            full = [pe for pe in range(4) if any(at == cycle for at, _ in seen.get((pe, "in the queue"), []))]
            whose = "all queues are" if len(full) == 4 else f"PE {', '.join(map(str, full))}'s queue is"
            told = f"sends a{number} to all PEs" if offer[1] else f"a{number} waits: {whose} full"
        cells = []
        for pe in range(4):
            parts = []
            for stage, words in IN_WORDS.items():
                when = [at for at, held in seen.get((pe, stage), []) if held == column]
                if cycle in when:
                    parts.insert(0, words.format(entry=ENTRIES[when.index(cycle)]))
            cells.append("; ".join(parts))
        if told or any(cells):
            lines.append(f"| {cycle} | {told} | {' | '.join(cells)} |")
    return "\n".join(lines)


ENTRIES = ("1st entry", "2nd entry", "3rd entry")


def renewed(page: str) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{followed()}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write every drawing, and the table into its page."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    HERE.mkdir(exist_ok=True)
    with rc_context(STYLE):
        for name, figure in (
            ("interleaving", interleaving()),
            ("block_diagram", block_diagram()),
            ("timeline", timeline()),
            ("queues", queues()),
        ):
            figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
