"""The page's text, from the rows of the runs: tables, and what they say."""

from eiesim.paper import source
from studies.findings import falls, item, items, number, page, paragraph, rises, where
from studies.gate.runs import COMPONENTS, EVENTS, MODULES, ROOT

PAGE = ROOT / "docs" / "power.md"

WHAT_IFS = {
    "queue depth 2": ("act_queue", "today"),
    "queue depth 16": ("act_queue", "today"),
    "fixed8": ("arithm_unit", "today"),
    "half the inputs, 32 activations": ("act_rw", "half the inputs"),
}
"""Runs, the module that is concerned most, and what they are compared with."""

EVENT_WORDS = {
    "multiply": ("multiply", "the gates behind the two operands' registers"),
    "shift_add": ("shift, add, saturate", "the gates behind the product and the accumulator"),
    "codebook": ("codebook lookup", "the gates behind the codebook"),
    "push_pop": ("a push with its pop", "all of act_queue, clock and registers too"),
    "accumulator": ("an accumulator's read or write", "all of act_rw, clock and registers too"),
}


def of_module(row, module):
    """mW a PE of a module, leakage too."""
    return sum(float(row[f"{module}_{component}_mw"]) for component in COMPONENTS)


def of_component(row, component):
    """mW a PE of a component, without leakage; or the leakage."""
    return sum(float(row[f"{module}_{component}_mw"]) for module in MODULES)


def activity(row):
    """mW a PE by the model `activity`."""
    return sum(float(value) for key, value in row.items() if key.startswith("activity_") and value)


def table(head, rows, words=1):
    """As Markdown. words: so many columns from the left hold no numbers."""
    rules = ["---" if place < words else "---:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in (head, rules, *rows))


def modules_table(row):
    """Module by component, beside Table II."""
    published = source.module_power_mw()
    lines = []
    for module in MODULES:
        parts = [f"{float(row[f'{module}_{component}_mw']):.2f}" for component in COMPONENTS]
        theirs = f"{published[module]:.3f}" if module in published else ""
        lines.append((module, *parts, f"{of_module(row, module):.2f}", theirs))
    whole = [f"{of_component(row, component):.2f}" for component in COMPONENTS]
    lines.append(("all", *whole, f"{float(row['total_mw']):.2f}", f"{source.pe_power_mw():.3f}"))
    printed = source.component_power_mw()
    names = ("memory", "clock_network", "register", "combinational")
    lines.append(("Table II", *(f"{printed[name]:.3f}" for name in names), "", f"{source.pe_power_mw():.3f}", ""))
    return table(("module", *COMPONENTS, "all", "Table II"), lines)


SHOWN = {
    "today": "clocks gated, wires by table",
    "before": "the RTL of 8e78c66",
    "not gated": "clocks not gated",
    "no wires": "no wires",
    "wires of 2 fF a sink": "wires of 2 fF a sink",
    "a thousand cycles": "cycles 3,000 to 3,999",
    "a thousand cycles with glitches": "the same with glitches",
}


def runs_table(rows):
    """A line a run."""
    lines = [
        (
            words,
            *(f"{of_module(rows[name], module):.2f}" for module in MODULES[:-1]),
            *(f"{of_component(rows[name], component):.2f}" for component in COMPONENTS),
            f"{float(rows[name]['total_mw']):.1f}",
            f"{float(rows[name]['clocked_bits']):,.0f}",
            f"{float(rows[name]['path_ns']):.2f}",
        )
        for name, words in SHOWN.items()
    ]
    return table(("", *MODULES[:-1], *COMPONENTS, "all", "bits clocked", "path, ns"), lines)


def events_table(row, model):
    """pJ an event, and the model's."""
    lines = [
        (EVENT_WORDS[event][0], f"{float(row[f'{event}_pj']):.2f}", model[event], EVENT_WORDS[event][1])
        for event in EVENTS
    ]
    head, rules, *body = table(("event", "at the gate, pJ", "`activity`, pJ", "what is counted"), lines).splitlines()
    return "\n".join((head, rules.removesuffix("---: |") + "--- |", *body))


def model_pj():
    """What `activity` says of each event, without clock and memory."""
    import eiesim

    costs = eiesim.energy_table()
    pj = {}
    for one in costs:
        if one.component in ("register", "combinational"):
            pj[one.event, one.module] = pj.get((one.event, one.module), 0.0) + one.energy_pj
    return {
        "multiply": f"{0.6:.2f}",
        "shift_add": f"{pj['macs', 'arithm_unit'] - 0.6:.2f}",
        "codebook": f"{pj['entries', 'arithm_unit'] - 0.05:.2f}",
        "push_pop": f"{pj['queue_pushes', 'act_queue'] + pj['queue_pops', 'act_queue']:.2f}",
        "accumulator": f"{pj['accumulator_reads', 'act_rw']:.2f}",
    }


def ratio(value):
    """As the page shows it."""
    return f"{value:.2f}"


def what_ifs(rows):
    """Ratios to what each is compared with: (name, module, cells as shown)."""
    found = {}
    for name, (module, base) in WHAT_IFS.items():
        one, other = rows[name], rows[base]
        model = (
            ratio(activity(one) / activity(other)),
            ratio(float(one[f"activity_{module}_mw"]) / float(other[f"activity_{module}_mw"])),
        )
        if "activations" in name:
            model = "", ""  # No key of the machine.
        found[name] = (
            module,
            ratio(float(one["total_mw"]) / float(other["total_mw"])),
            model[0],
            ratio(of_module(one, module) / of_module(other, module)),
            model[1],
            ratio(float(one["area_um2"]) / float(other["area_um2"])),
            ratio(float(one["path_ns"]) / float(other["path_ns"])),
        )
    return found


def what_ifs_table(rows):
    """Ratios, the netlist's beside the model's."""
    lines = [(name, *cells) for name, cells in what_ifs(rows).items()]
    head = (
        "", "module", "power, gate", "power, `activity`", "the module, gate", "the module, `activity`", "logic's area",
        "path",
    )  # fmt: skip
    return table(head, lines, 2)


INTRO = """# Power at the gate

EIE's own evaluation ended so: the toggles of an RTL simulation put onto the synthesised netlist, and power from there
(Sec. VI). `eiesim rtl power` does it in one command, with yosys and a cell library in Liberty form.

<!-- not run: needs a cell library and takes a minute -->
```console
$ pip install ".[rtl]"
$ eiesim rtl power layer.npz --input x.npy --liberty gscl45nm.lib
$ eiesim rtl power layer.npz --input x.npy --liberty gscl45nm.lib --cycles 3000:4000 --glitches --json power.json
$ eiesim rtl power layer.npz --input x.npy --liberty gscl45nm.lib --saif toggles.saif --netlist pe.v
```

From Python it is `eiesim.rtl.power(...)`, which is `eiesim.power_rtl`. The JSON is in [formats.md](formats.md).

## What it does
1. *Map*. yosys maps `pe` module by module and flattens it last, so each cell keeps its module in its name. Registers
   behind an enable are clocked through a gate: the library's own, or an inverter, a latch and an AND of it, and the
   report says which. SRAMs stay black boxes. The netlist is kept by content: the RTL, the hardware's parameters, the
   library, the script.
2. *Run*. The netlist is levelised and compiled; a PE is a bit of a 64-bit word, so 64 PEs go at once. The clocked machine
   runs beside it and gives each PE what the array gives it; the SRAMs show what the netlist addresses. In every cycle
   every register and wire of [the lock-step check](rtl.md) that has a name in the netlist is compared. A difference
   ends the command and names net, cell, cycle and PE. Rises and falls of every net are counted.
3. *Price*. Switching, half of C V² a transition, of pins and wires. Internal energy from the tables at each cell's slew and
   load: of an output's arcs one a transition, in the shares in which the inputs behind them change. Leakage. The clock's
   tree, which synthesis does not make: buffers each for the load of eight flip-flops, level on level. SRAM by CACTI and
   the accesses counted, as in [energy.md](energy.md).
4. *Report*. Module by component; the longest path from flip-flop to flip-flop or clock gate, with clock-to-output,
   set-up and wires; energy an event; the nets and cells that cost most.

`--glitches` lets each gate answer after its own delay, inertial, from the library's tables. `--wires` is `table`: the
library's wire load, or, where it has none, 2 µm and 6 µm a sink at 0.2 fF/µm (three to four cell pitches a connection); or
`none`, or a number of fF a sink. `--cycles A:B` counts cycles A to B - 1.

Nothing is fitted. The figures below are AlexNet-FC8's, on 64 PEs at 800 MHz, {cycles} cycles, a PE, by the OSU FreePDK45
cells (gscl45nm.lib, typical corner, 1.1 V). Table II, TSMC 45 nm after layout, stands beside them as a reference. Made by
`python -m studies.gate`; the rows are in [a table](power/runs.csv).

## By module and component, mW a PE
"""

CHECKED = """## How it is checked
- The clocked machine and the netlist agree in each of the {cycles} cycles, in all 64 PEs.
- One PE for 2,000 cycles in Icarus Verilog, over the same netlist, with the cells' functions as yosys reads them from the
  library: rises and falls of every net are equal, without exception. A window that begins half a cycle off has 14 nets off
  by one: the inner nets of clock gates, which change while the clock is low.
- Ten faults of ten drawn at random among the gates (a function inverted, two cells exchanged) end the command.
- A slow twin in the tests runs a small netlist cell by cell, without levels, words or a notion of clock gates, and counts
  the same. With delays every net ends each cycle where it does without.
- Energy by net, by module, by component and by kind is the same sum. Switching goes with V². A PE in which nothing
  changes costs clock and leakage alone.
"""

LIMITS = """## What holds for any library, and what does not
{holds}

What does not carry over: milliwatts and picojoules. These cells are large (a flip-flop is 8.0 µm² and takes 26 fJ each
time it is clocked), their tables begin at a load of 100 fF where these nets have 8, so nearly all is extrapolated in a
straight line, and their set-up tables hold values where measuring failed (6.2 ns): what is over ten times a table's
median is taken as the median. A layout would bring wires' resistance, real lengths and a real clock tree. So the model
`activity` keeps its own sources, and no figure of this page is moved into it.

Also left out: the LNZD and the wires of the broadcast, the clock of the SRAMs, tables under a condition (`when`) are
averaged, those of several supplies added. Flip-flops begin at 0. A layer with a bias maps the PE that presents it,
PE 0's, for all.
"""


def words_of_runs(rows):
    """What the first tables say."""
    today, before, free, bare, full = (rows[name] for name in list(SHOWN)[:5])
    window, glitches = rows["a thousand cycles"], rows["a thousand cycles with glitches"]

    def mw(row, digits=1):
        return f"{float(row['total_mw']):.{digits}f}"

    rw = [f"{of_module(row, 'act_rw'):.1f}" for row in (before, today)]
    bits = [f"{float(row['clocked_bits']):.0f}" for row in (before, today)]
    path = [f"{float(row['path_ns']):.2f}" for row in (before, today)]
    idle, clock = float(today["idle_clock_mw"]), of_component(today, "clock")
    more = [
        f"{100 * (of(glitches) / of(window) - 1):.0f}"
        for of in (
            lambda row: float(row["total_mw"]),
            lambda row: of_component(row, "combinational"),
            lambda row: of_module(row, "arithm_unit"),
        )
    ]
    return items(
        item(
            falls(*rw) and falls(*bits),
            f"""**Register files that do not burn.** act_rw takes {rw[1]} mW where the RTL before took {rw[0]}: one read
            port a bank with its address chosen first, written values that reach only the eight words they may go to,
            and `written` clocked only where a bit changes. {bits[1]} register bits are clocked in a cycle, {bits[0]}
            were.""",
        ),
        item(
            rises(mw(today), mw(free)),
            f"""**Clock gating**: without it the same PE takes {mw(free)} mW, with it {mw(today)}.""",
        ),
        item(
            0 < idle < clock,
            f"""**The clock is not proportional to the bits clocked.** Of its {clock:.2f} mW, {idle:.2f} are spent in a PE
            in which nothing changes: the gates' own pins, the tree in front of them, and the registers that no gate
            holds. That is {100 * idle / clock:.0f} % of the clock's power on this layer.""",
        ),
        item(
            all(number(one) > 0 for one in more),
            f"""**Glitches** add {more[0]} % to the whole, {more[1]} % to the combinational part and {more[2]} % to
            arithm_unit.""",
        ),
        item(
            rises(mw(bare), mw(today), mw(full)) and float(full["total_mw"]) < 2 * float(bare["total_mw"]),
            f"""**Wires** matter less than the cells: {mw(bare)} mW without any, {mw(today)} by table, {mw(full)} with 2 fF
            a sink.""",
        ),
        item(
            falls(path[0], path[1], "1.15"),
            f"""**The longest path** is {path[1]} ns, {path[0]} before; the paper's is 1.15 ns. So these cells reach
            {1e3 / float(today["path_ns"]):.0f} MHz, and the power above is that of 800 MHz all the same.""",
        ),
    )


def words_of_what_ifs(rows):
    """What the ratios say."""
    found = what_ifs(rows)
    shallow, deep, eight, few = (found[name] for name in WHAT_IFS)
    whole, model, part, part_model, area, path = range(1, 7)
    return page(
        paragraph(
            True,
            """Multipliers of 2 and 4 are left out: the RTL has one, and `multipliers` above 1 is refused by name.""",
            where(
                rises(shallow[part], "1.00", deep[part])
                and rises(shallow[part_model], deep[part_model])
                and number(deep[part]) - number(shallow[part]) > number(deep[part_model]) - number(shallow[part_model]),
                f"""A deeper queue costs its module at the gate more than the model says: {shallow[part]} and
                {deep[part]} at depths 2 and 16, by `activity` {shallow[part_model]} and {deep[part_model]}, which
                charges a push the same whatever the depth.""",
            ),
            where(
                all(abs(number(one[whole]) - number(one[model])) <= 0.05 for one in (shallow, deep)),
                f"""Of the whole PE the two agree within 0.05: {shallow[whole]} and {deep[whole]}, by `activity`
                {shallow[model]} and {deep[model]}.""",
            ),
        ),
        paragraph(
            all(falls("1.00", eight[column]) for column in (part, part_model, whole, model, path)),
            f"""Eight bits in place of sixteen: arithm_unit falls to {eight[part]} of its power at the gate and to
            {eight[part_model]} by `activity`, the whole PE to {eight[whole]} and {eight[model]}; the longest path to
            {eight[path]}.""",
        ),
        paragraph(
            all(falls("1.00", few[column]) for column in (part, whole, area)),
            f"""Half the words a bank (on the layer's first 2,048 inputs): act_rw falls to {few[part]}, the PE to
            {few[whole]}, the logic's area to {few[area]}. The model has no such key.""",
        ),
    ).strip("\n")


def words_of_limits(rows):
    """What of the ratios is the library's least."""
    today, before, free = (rows[name] for name in ("today", "before", "not gated"))
    window, glitches = rows["a thousand cycles"], rows["a thousand cycles with glitches"]
    gated = f"{float(free['total_mw']) / float(today['total_mw']):.1f}"
    files = f"{of_module(before, 'act_rw') / of_module(today, 'act_rw'):.1f}"
    more = f"{100 * (float(glitches['total_mw']) / float(window['total_mw']) - 1):.0f}"
    return paragraph(
        rises("1", gated) and rises("1", files) and rises("0", more),
        f"""Ratios of a PE to itself, in the same cells, are what should carry over; they were taken in one library, so
        that is not shown: gating saves {gated} times, the register files' change {files} times in act_rw, glitches cost
        {more} %, and what a deeper queue or fewer bits add or save. Bits clocked and SRAM accesses depend on no library;
        toggles only by the gates that it has.""",
    )


def text(rows):
    """The page."""
    today = rows["today"]
    cycles = f"{int(today['cycles']):,}"
    return page(
        INTRO.format(cycles=cycles).strip("\n"),
        modules_table(today),
        paragraph(
            True,
            """Components: memory is SRAM accesses; clock is the tree, the gates and the flip-flops' clock pins; register
            is the flip-flops' outputs and inputs; leakage, SRAMs' included, stands apart. `other` is what stands in
            `pe.sv` itself, with the root of the clock.""",
        ),
        "## What changes it",
        runs_table(rows),
        words_of_runs(rows),
        "## Energy an event",
        events_table(today, model_pj()),
        "## What if",
        paragraph(
            True,
            """Ratios to the default machine on the same layer, the netlist's beside those of the model `activity`
            (32 activations: to 64, with half the inputs). Power, not energy: cycles differ with the queue.""",
        ),
        what_ifs_table(rows),
        words_of_what_ifs(rows),
        CHECKED.format(cycles=cycles),
        LIMITS.format(holds=words_of_limits(rows)),
    )
