"""A netlist of one PE, cell by cell as a page of the library would have it run: no levels, no words, no clock gates.

Whatever changes is passed on until nothing does. The clock is a net like others: it rises, and flip-flops whose own
clock pin rose take what stood at their inputs before; it falls, and latches let through.
"""

from eiesim.rtl.gates import functions


class Netlist:
    """values: of each net (yosys' number). changes: rises and falls of each net since `forget`."""

    def __init__(self, module, library, memories):
        cells = module["cells"].items()
        self.cells = {name: (library.cells.get(cell["type"]), cell["connections"]) for name, cell in cells}
        self.memories = memories
        self.clock = module["ports"]["clock"]["bits"][0]
        self.values = {"0": 0, "1": 1, "x": 0}
        self.state = dict.fromkeys(self.cells, 0)
        self.readers = {}
        for name, (cell, pins) in self.cells.items():
            for pin, bits in pins.items():
                if cell is not None and not cell.pins[pin].is_output:
                    self.readers.setdefault(bits[0], []).append(name)
        self.forget()
        self._settle(set(self.cells))

    def forget(self):
        """Count from here."""
        self.rises, self.falls = {}, {}

    def cycle(self, inputs):
        """A clock cycle, with the inputs (bit by net) that change just after the clock rises."""
        before = dict(self.values)
        self._put(self.clock, 1)
        changed = self._settle(set(self.readers.get(self.clock, ())))
        rose = {net for net in changed | {self.clock} if self.values[net] and not before.get(net)}
        for name, (cell, pins) in self.cells.items():
            if cell is None:
                self._sram(name, pins, before)
            elif cell.storage and not cell.storage.is_latch and pins[cell.storage.when][0] in rose:
                old = {pin: before.get(bits[0], 0) for pin, bits in pins.items() if bits}
                self.state[name] = functions.value(cell.storage.takes, old)
        for net, value in inputs.items():
            self._put(net, value)
        self._settle(set(self.cells))
        self._count(before)
        high = dict(self.values)
        self._put(self.clock, 0)
        self._settle(set(self.readers.get(self.clock, ())))
        self._count(high)

    def _count(self, before):
        for net, value in self.values.items():
            if value != before.get(net, 0):
                changes = self.rises if value else self.falls
                changes[net] = changes.get(net, 0) + 1

    def _put(self, net, value):
        self.values[net] = value

    def _sram(self, name, pins, before):
        if not before.get(pins["read"][0], 0):
            return
        address = sum(before.get(bit, 0) << k for k, bit in enumerate(pins["address"]))
        word = self.memories[name][address] if address < len(self.memories[name]) else 0
        for k, bit in enumerate(pins["word"]):
            self._put(bit, word >> k & 1)

    def _settle(self, todo):
        changed = set()
        while todo:
            name = todo.pop()
            cell, pins = self.cells[name]
            if cell is None:
                continue
            held = {pin: self.values.get(bits[0], 0) for pin, bits in pins.items() if bits}
            if cell.storage:
                if cell.storage.is_latch and functions.value(cell.storage.when, held):
                    self.state[name] = functions.value(cell.storage.takes, held)
                held |= {cell.storage.state: self.state[name], cell.storage.inverse: 1 - self.state[name]}
            for pin in cell.outputs:
                if pin.name in held:
                    net, new = pins[pin.name][0], functions.value(pin.function, held)
                    if self.values.get(net) != new:
                        self._put(net, new)
                        changed.add(net)
                        todo.update(self.readers.get(net, ()))
        return changed
