"""A cell library of our own writing for tests: a dozen cells, made-up figures that are easy to reckon with.

Every input is 1 fF; every output spends 1 fJ a rise and 2 fJ a fall, and 0.01 fJ more for each fF that it drives.
Variants say the same in other units and with another order of axes, have a clock gate or flip-flops that show the
inverse of their state, or leave something out.
"""

GATES = {
    "INV": ("A", "!A", 1.0),
    "BUF": ("A", "A", 2.0),
    "AND2": ("A B", "A & B", 2.0),
    "NAND2": ("A B", "(A B)'", 1.5),
    "NOR2": ("A B", "!(A + B)", 1.5),
    "OR2": ("A B", "A | B", 2.0),
    "XOR2": ("A B", "A ^ B", 3.0),
    "AOI21": ("A B C", "!((A * B) + C)", 2.0),
    "MUX2": ("A B S", "(S & B) | (!S & A)", 3.0),
}
"""Inputs, function, area."""

LOADS_FF, SLEWS_NS = (1.0, 10.0, 100.0), (0.01, 0.1)


def library(
    *,
    volts=1.0,
    picofarad=False,
    slew_first=False,
    gate=False,
    power=True,
    functions=True,
    flop=True,
    latch=True,
    inverted=False,
):
    """The text. picofarad: capacitance in pF, so energy in pJ. slew_first: tables begin with the slew."""
    scale = 1e-3 if picofarad else 1.0
    tables = _Tables(scale, slew_first, power)
    text = [
        "library (tests) {",
        "  delay_model : table_lookup;",
        '  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1nW";',
        f"  capacitive_load_unit (1, {'pf' if picofarad else 'ff'});",
        f"  nom_voltage : {volts};",
        tables.templates(),
    ]
    for name, (inputs, function, area) in GATES.items():
        pins = [_input(pin, scale) for pin in inputs.split()]
        shown = f'function : "{function}";' if functions else ""
        pins.append(_output("Y", shown, scale, [tables.arc(pin) for pin in inputs.split()]))
        text.append(_cell(name, area, "", pins))
    passive = tables.passive
    if flop:
        clock = _input("CK", scale, f"clock : true; {passive(0.5, 1.5)}")
        data = _input("D", scale, f"{passive(0.25, 0.25)} {tables.setup('CK')}")
        output = ("QN", 'function : "IQN";') if inverted else ("Q", 'function : "IQ";')
        text.append(_cell("DFF", 5.0, 'ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; }', [
            clock, data, _output(*output, scale, [tables.arc("CK", "rising_edge")]),
        ]))  # fmt: skip
    if latch:
        text.append(_cell("LATCH", 3.0, 'latch (IQ, IQN) { data_in : "D"; enable : "G"; }', [
            _input("G", scale, f"clock : true; {passive(0.5, 0.5)}"), _input("D", scale),
            _output("Q", 'function : "IQ";', scale, [tables.arc("D"), tables.arc("G", "rising_edge")]),
        ]))  # fmt: skip
    if gate:
        text.append(_cell("GATE", 4.0, 'clock_gating_integrated_cell : "latch_posedge_precontrol";', [
            _input("CK", scale, f"clock : true; clock_gate_clock_pin : true; {passive(1, 1)}"),
            _input("E", scale, f"clock_gate_enable_pin : true; {tables.setup('CK')}"),
            _input("TE", scale, "clock_gate_test_pin : true;"),
            _output("GCK", 'clock_gate_out_pin : true; state_function : "CK * ENL";', scale, [tables.arc("CK")]),
        ]))  # fmt: skip
    return "\n".join([*text, "}", ""])


def _cell(name, area, what, pins):
    return f"cell ({name}) {{ area : {area}; cell_leakage_power : {area}; {what}\n  " + "\n  ".join(pins) + "\n}"


def _input(name, scale, more=""):
    return f"pin ({name}) {{ direction : input; capacitance : {1.0 * scale}; {more} }}"


def _output(name, shown, scale, arcs):
    return f"pin ({name}) {{ direction : output; max_capacitance : {100 * scale}; {shown} {' '.join(arcs)} }}"


class _Tables:
    def __init__(self, scale, slew_first, power):
        self._scale, self._slew_first, self._power = scale, slew_first, power

    def templates(self):
        kinds = ["total_output_net_capacitance", "input_net_transition"]
        powers = ["total_output_net_capacitance", "input_transition_time"]
        order = slice(None, None, -1 if self._slew_first else 1)
        return "\n".join([
            self._template("lu_table_template (delay)", kinds[order]),
            self._template("power_lut_template (energy)", powers[order]),
            "power_lut_template (passive) { variable_1 : input_transition_time; index_1 (\"0.01, 0.1\"); }",
            'lu_table_template (setup) { variable_1 : related_pin_transition; variable_2 : constrained_pin_transition; '
            'index_1 ("0.01, 0.1"); index_2 ("0.01, 0.1"); }',
        ])  # fmt: skip

    def _template(self, kind, variables):
        axes = [[load * self._scale for load in LOADS_FF], SLEWS_NS][:: -1 if self._slew_first else 1]
        points = " ".join(f'index_{k} ("{", ".join(f"{x:g}" for x in axis)}");' for k, axis in enumerate(axes, 1))
        names = " ".join(f"variable_{k} : {name};" for k, name in enumerate(variables, 1))
        return f"{kind} {{ {names} {points} }}"

    def _values(self, value):
        """A table of value(load in fF, slew in ns)."""
        rows = [[value(load, slew) for slew in SLEWS_NS] for load in LOADS_FF]
        rows = [list(column) for column in zip(*rows)] if self._slew_first else rows
        quoted = (f'"{", ".join(f"{x:.9g}" for x in row)}"' for row in rows)
        return f"values ({', '.join(quoted)});"

    def arc(self, pin, kind="combinational"):
        tables = []
        for edge, base in (("rise", 0.02), ("fall", 0.03)):
            delay = self._values(lambda load, slew, base=base: base + 0.002 * load + 0.1 * slew)
            slews = self._values(lambda load, slew, base=base: base / 2 + 0.003 * load)
            tables.append(f"cell_{edge} (delay) {{ {delay} }} {edge}_transition (delay) {{ {slews} }}")
        timing = f'timing () {{ related_pin : "{pin}"; timing_type : {kind}; {" ".join(tables)} }}'
        if not self._power:
            return timing
        parts = []
        for edge, base in (("rise", 1.0), ("fall", 2.0)):
            energy = self._values(lambda load, slew, base=base: (base + 0.01 * load) * self._scale)
            parts.append(f"{edge}_power (energy) {{ {energy} }}")
        return f'{timing} internal_power () {{ related_pin : "{pin}"; {" ".join(parts)} }}'

    def passive(self, rise, fall):
        if not self._power:
            return ""
        parts = (
            f'{edge}_power (passive) {{ values ("{energy * self._scale:.9g}, {energy * self._scale:.9g}"); }}'
            for edge, energy in (("rise", rise), ("fall", fall))
        )
        return f"internal_power () {{ {' '.join(parts)} }}"

    def setup(self, pin):
        values = 'values ("0.05, 0.06", "0.05, 0.06");'
        limits = " ".join(f"{edge}_constraint (setup) {{ {values} }}" for edge in ("rise", "fall"))
        return f'timing () {{ related_pin : "{pin}"; timing_type : setup_rising; {limits} }}'
