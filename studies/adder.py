"""docs/adder.md: what an adder network saves on EIE, by module, on the nine benchmark layers.

python -m studies.adder                writes the table and the page (a minute)
python -m studies.adder --page-only    the page of the rows that are there
"""

from eiesim._io.csv_file import write_csv
from studies import resumable
from studies.findings import falls, page, paragraph, where

OPERATIONS = ("multiply", "adder")
MODULES = {
    "act_queue": "activation queue", "ptr_read": "pointer read", "spmat_read": "sparse-matrix read",
    "arithm_unit": "arithmetic unit", "act_rw": "activation read/write", "lnzd": "LNZD",
}  # fmt: skip
COLUMNS = (
    "layer", "operation", "cycles", "macs", "entries", "memory_uj", "leakage_uj", "terms_uj",
    *(f"{module}_uj" for module in MODULES), "total_uj",
)  # fmt: skip
"""terms_uj: what multiplications and additions of the macs take. memory_uj: SRAMs, their leakage included."""


def work(cell):
    """The rows of a layer and an operation."""
    import eiesim

    layer, operation = cell
    config = eiesim.MachineConfig(operation=operation)
    ran = eiesim.simulate(f"table3:{layer}", config=config, outputs=False).layers[0]
    cost = next(one for one in eiesim.energy_table(config) if (one.event, one.component) == ("macs", "combinational"))
    spent = ran.energy
    return [{
        "layer": layer, "operation": operation, "cycles": ran.cycles, "macs": ran.counters.macs,
        "entries": ran.counters.entries, "memory_uj": spent.by_component_uj["memory"],
        "leakage_uj": sum(spent.leakage_by_module_uj.values()), "terms_uj": ran.counters.macs * cost.energy_pj * 1e-6,
        **{f"{module}_uj": spent.by_module_uj[module] for module in MODULES}, "total_uj": spent.total_uj,
    }]  # fmt: skip


def cells():
    """Layers with operations, in order."""
    from eiesim.workloads import TABLE_III

    return [(layer, operation) for layer in TABLE_III for operation in OPERATIONS]


class Found:
    """What the rows say of both operations, of single layers and of all."""

    def __init__(self, rows):
        held = {(row["layer"], row["operation"]): row for row in rows}
        self.layers = [layer for layer, operation in held if operation == OPERATIONS[0]]
        self.layers = [layer for layer in self.layers if (layer, OPERATIONS[1]) in held]
        self.held = held

    def of(self, layer, operation, column):
        """A figure of a layer."""
        return float(self.held[layer, operation][column])

    def all(self, operation, column):
        """A figure of all layers together."""
        return sum(self.of(layer, operation, column) for layer in self.layers)

    def saved(self, layer):
        """Which share of a layer's energy adder units save."""
        return 1 - self.of(layer, "adder", "total_uj") / self.of(layer, "multiply", "total_uj")


def shown(share, digits=1):
    """A share of 1 as a page has it, such as `3.7 %`."""
    return f"{100 * share:.{digits}f} %"


def table(head, rows):
    """As Markdown; all columns but the first hold numbers."""
    rules = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))


def by_layer(found):
    """A line a layer."""
    lines = []
    for layer in found.layers:
        multiply, adder = (found.of(layer, operation, "total_uj") for operation in OPERATIONS)
        unit, added = (found.of(layer, operation, "arithm_unit_uj") for operation in OPERATIONS)
        memory = found.of(layer, "adder", "memory_uj") / adder
        cycles = f"{found.of(layer, 'multiply', 'cycles'):,.0f}"
        lines.append((layer, cycles, f"{multiply:.2f}", f"{adder:.2f}", f"{shown(found.saved(layer))}",
                      f"{shown(1 - added / unit)}", f"{shown(memory)}"))  # fmt: skip
    head = (
        "layer",
        "cycles",
        "multiply, µJ",
        "adder, µJ",
        "saved",
        "of the arithmetic unit",
        "of the rest SRAMs",
    )
    return table(head, lines)


def by_module(found):
    """A line a module, all layers together."""
    totals = [found.all(operation, "total_uj") for operation in OPERATIONS]
    lines = []
    for module, name in (*MODULES.items(), ("total", "all")):
        spent = [found.all(operation, f"{module}_uj") for operation in OPERATIONS]
        shares = [f"{shown(part / total)}" for part, total in zip(spent, totals, strict=True)]
        lines.append((name, f"{spent[0]:.2f}", f"{spent[1]:.2f}", *shares))
    return table(("module", "multiply, µJ", "adder, µJ", "share, multiply", "share, adder"), lines)


def findings(found):
    """What the tables say; what they do not say is left out."""
    layers = found.layers
    least, most = min(layers, key=found.saved), max(layers, key=found.saved)
    multiply, adder = (found.all(operation, "total_uj") for operation in OPERATIONS)
    terms = [found.all(operation, "terms_uj") for operation in OPERATIONS]
    unit = [found.all(operation, "arithm_unit_uj") for operation in OPERATIONS]
    saved, of_terms = 1 - adder / multiply, terms[0] / multiply
    reads = found.all("adder", "ptr_read_uj") + found.all("adder", "spmat_read_uj")
    memory = [found.all(operation, "memory_uj") / found.all(operation, "total_uj") for operation in OPERATIONS]
    pointers = found.of(least, "multiply", "ptr_read_uj")
    same = all(
        found.of(layer, "multiply", column) == found.of(layer, "adder", column)
        for layer in layers
        for column in ("cycles", "entries", "macs")
    )
    return page(
        paragraph(
            saved > 0,
            f"""Little: {shown(saved)} of the energy of the nine layers together,
            {shown(found.saved(least))} ({least}) to {shown(found.saved(most))} ({most}).""",
            where(same, "Cycles, entries and multiply-accumulates are the same, so time is too."),
            where(
                falls(f"{unit[0]:.2f}", f"{unit[1]:.2f}"),
                f"""A term costs {shown(terms[1] / terms[0], 0)} of a multiply-accumulate, and the arithmetic unit
                spends {shown(1 - unit[1] / unit[0], 0)} less.""",
            ),
            where(
                of_terms < 0.1,
                f"""But multiply-accumulates were {shown(of_terms)} of the energy, so that units that cost nothing at
                all could save no more than that and their registers.""",
            ),
        ),
        paragraph(
            memory[1] > 0.5 and memory[1] > memory[0],
            f"""What remains is memory: SRAMs, their leakage included, take {shown(memory[1])} of what adder units
            leave, and {shown(memory[0])} before.""",
            where(
                reads > 0.5 * adder,
                f"""PointerRead and SpmatRead together spend {shown(reads / adder, 0)} of it: weights are fetched,
                whatever is done with them.""",
            ),
            where(
                least != most and pointers > found.of(least, "multiply", "spmat_read_uj"),
                f"""Least is saved where pointers are most of the work: {least} spends
                {shown(pointers / found.of(least, "multiply", "total_uj"), 0)} on them.""",
            ),
        ),
        paragraph(
            of_terms < 0.1,
            """An adder network's saving is large where an operation is all that is paid for: by the figures of
            EIE's Table I, an accelerator that fetches nothing. EIE has paid for the weight before it multiplies.""",
        ),
    )  # fmt: skip


PAGE = """# What does an adder network save on EIE?

AdderNet (Chen et al., CVPR 2020) has no multiplications: a layer gives y_i = -sum_j |a_j - w_ij|. EIE computes that
with `operation = "adder"` and keeps both sparsities, by |a - w| = |a| + |w| - 2 min(|a|, |w|) where the signs agree
([the key, exactly](variants.md)). This page runs the nine benchmark layers (`table3:`) both ways on the published
machine, in fixed16. Cycles and counts are *simulated*; energy is *estimated* by the model [`activity`](energy.md): an
adder's term costs two 16-bit additions in place of a multiply, and its register has 18 bits in place of 32. Made by
`python -m studies.adder`; [energy.csv](adder/energy.csv) has the rows.

{findings}

## By layer

{by_layer}

*Of the arithmetic unit*: what is saved, as a share of its energy. *Of the rest SRAMs*: what SRAMs take of the energy
that adder units leave, their leakage included.

## By module

All nine layers together:

{by_module}

Left out: adding |a_j| up once a broadcast, and reading and adding r_i once an output.

{area}

What reads r_i and finishes a sum is left out of that, too: synthesised, it takes as much area as the unit saves
([where each part is](rtl.md#the-adder-unit)).

## At the gate

The [RTL](rtl.md#the-adder-unit-at-the-gate) has the unit, and power at the gate answers otherwise: AlexNet-FC8 takes
26.1 mW a PE with multipliers, and 20.4 with adder units, in the same 7,896 cycles. In those cells a multiplication
costs 5.16 pJ, where the model has 0.6, and the same SRAMs are a smaller part. So how much an adder network saves is
how dear multiplying was; what it leaves is the same.

## How near AdderNet's own sum

The machine adds terms; AdderNet adds distances. In exact numbers both are the same. On the machine:

- **Fixed point, exactly**, where inputs, weights and bias are numbers of the shared format with f fraction bits,
  nothing is shifted right (`output_frac` is f or more) and nothing saturates: terms, r_i and A are whole numbers.
- **Fixed point, else**, where nothing saturates: off by at most `C q + q / 2 + (n + 1) u / 2`. q = 2^-f is a step of
  the shared format: quantising moves a_j and w_ij by at most q / 2 each, so each of the C distances by at most q, and
  the bias by q / 2. u = 2^-output_frac is a step of the output: each of the row's n terms, the bias's among them, is
  rounded once, by at most u / 2 (`nearest`; u where `floor` or `stochastic`), and so is r_i + A.
- **float32**, where nothing overflows: off by at most `g (2 (sum |a_j| + sum |w_ij|) + |b_i|)`, g = m e / (1 - m e)
  with m = C + 3 and e = 2^-24. Each number that is added passes at most m roundings, each a factor of 1 + d with
  |d| <= e, and the magnitudes of all that is added, terms, |w_ij|, |a_j| and the bias, come to at most the bracket.

`tests/test_adder.py` holds all three against AdderNet's own formula. Engines, golden product and oracle compute the
same terms, and agree to the last bit.
"""


def area():
    """What the areas say."""
    from eiesim import MachineConfig
    from eiesim.energy.area import SYNTHESISED_UM2, modelled_area

    multiply, adder = (modelled_area(MachineConfig(operation=operation)) for operation in OPERATIONS)
    unit = multiply.pe_um2["arithm_unit"] / sum(multiply.pe_um2.values())
    return paragraph(
        adder.total_mm2 < multiply.total_mm2,
        f"""Area, *estimated*: the arithmetic unit, which [synthesis](rtl.md) makes
        {SYNTHESISED_UM2["adder"] / SYNTHESISED_UM2["multiply"]:.3f} times as large, is {shown(unit)} of a PE; 64 PEs
        take {adder.total_mm2:.2f} mm² instead of {multiply.total_mm2:.2f}.""",
    )


def page_of(rows):
    """The page of some rows."""
    found = Found(rows)
    return PAGE.format(
        findings=findings(found).strip(), by_layer=by_layer(found), by_module=by_module(found), area=area()
    )


def main():
    parser = resumable.parser("adder", __doc__, "adder")
    arguments = parser.parse_args()
    folder = arguments.docs / "adder"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "energy.csv"
    rows = resumable.read(path, COLUMNS)
    if not arguments.page_only:
        done = {(row["layer"], row["operation"]) for row in rows}
        todo = [cell for cell in cells() if cell not in done]
        named = "{layer} {operation}".format
        resumable.run(todo, work, rows, path, COLUMNS, arguments.jobs, lambda found: named(**found[0]))
    # Workers end in any order, on the disk too.
    order = {cell: place for place, cell in enumerate(cells())}
    rows.sort(key=lambda row: order[row["layer"], row["operation"]])
    write_csv(rows, COLUMNS, path)
    (arguments.docs / "adder.md").write_text(page_of(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
