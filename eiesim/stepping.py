"""Machine: the clocked machine one cycle at a time, to look into (PyRTL's `step` and `inspect`)."""

from operator import index
from typing import Any, Unpack

import numpy as np

from eiesim._shown import counted
from eiesim.config import as_config
from eiesim.engines import clocked
from eiesim.errors import EieError, unknown
from eiesim.inputs import Opening, Source
from eiesim.machine import clock, lnzd
from eiesim.prepared import Config, given, in_a_row, opened
from eiesim.result import Result
from eiesim.simulation import of_clocked_run

LNZD = "lnzd"
UNITS = (LNZD, *clock.UNITS_OF_A_PE)

Values = dict[str, Any]


class Machine:
    """The clocked machine with one layer and one input, stepped cycle by cycle.

    After `step` has returned t the machine is looked at in cycle t, between propagate and update: registers hold what
    they hold during that cycle, and wires carry what units drive from it. What the update then writes shows after the
    next step. Before the first step registers are as they are at the start and all wires are 0.

    Parameters
    ----------
    layer : name, path, CompressedLayer, InterleavedLayer, or what brings one layer
        The layer, as `simulate` takes it.
    activations : float[cols] or a path, default None
        One input, rounded to float32. None is the layer's own, as `eiesim.open("table3:Alex-7")` brings it.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine; None is the published design.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Raises
    ------
    EieError
        For several layers or inputs, streamed weights, and whatever `simulate` refuses.

    Examples
    --------
    >>> import eiesim
    >>> layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.0, 2.0]])
    >>> machine = eiesim.Machine(layer, [3.0, 4.0], eiesim.MachineConfig(pes=1))
    >>> machine.step()
    1
    >>> machine.wires(None, "lnzd")["column"]
    0
    >>> machine.step()
    2
    >>> machine.inspect(0, "activation_queue")["count"]
    1
    >>> machine.memories(0, "activation_queue")["places"][0]  # column 0, with its activation in fixed point
    (0, 12288)
    >>> while not machine.done:
    ...     _ = machine.step()
    >>> machine.result().cycles
    10
    """

    def __init__(
        self, layer: Source, activations: Any = None, config: Config = None, **opening: Unpack[Opening]
    ) -> None:
        self._config = as_config(config)
        if self._config.weights != "resident":
            raise EieError(
                f"weights = '{self._config.weights}': Machine steps through a layer that is resident; simulate streams"
            )
        self._model = opened(layer, **opening)
        fed = self._model.feeds(*given(activations))
        layers = sum(len(feed.layers) for feed in fed)
        if layers != 1:
            raise EieError(f"{layers} layers are given; Machine steps through one: give one of them")
        self._feed = fed[0]
        if self._feed.batch_size != 1:
            raise EieError(
                f"activations: a batch of {self._feed.batch_size} inputs; Machine steps through one: give one of them"
            )
        self._prepared = next(in_a_row(self._feed, self._config))
        self._machine = clock.build(self._prepared.job, self._prepared.activation_rows[0])
        self._cycle, self._cycles, self._scan_last = 0, 0, 0
        self._look()

    def __repr__(self) -> str:
        name, pes = self._prepared.plain.name or "layer", self._config.pes
        return (
            f"<Machine with {name} on {counted(pes, 'PE')}: {'done after' if self.done else 'in'} cycle {self.cycle:,}>"
        )

    @property
    def cycle(self) -> int:
        """The cycle that the machine is in: the number of steps so far."""
        return self._cycle

    @property
    def done(self) -> bool:
        """Whether no cycle is left: the scan has ended and no unit holds anything that has to move on.

        The layer may have been complete some cycles before (`result().cycles`): columns without entries are still taken
        from the queues.
        """
        return bool(clock.drained(self._machine))

    def step(self) -> int:
        """Go one cycle.

        Returns
        -------
        int
            The number of the cycle, from 1.

        Raises
        ------
        EieError
            If the machine is `done`.
        """
        if self.done:
            raise EieError(f"the machine was done after cycle {self._cycle:,}: there is no further step")
        machine = self._machine
        self._cycle += 1
        scanning = bool(lnzd.busy(machine.scanner[0]))
        clock.propagate(machine)
        settled = clock.settle(machine)
        self._look()
        clock.update(machine, *settled)
        self._cycles, self._scan_last = clock.ends(machine, self._cycle, scanning, self._cycles, self._scan_last)
        return self._cycle

    def inspect(self, pe: int | None, unit: str) -> Values:
        """Look into the registers of a unit, in the cycle that the machine is in.

        Parameters
        ----------
        pe : int or None
            The PE, from 0; None for the LNZD, which is one for all.
        unit : str
            A file of `eiesim/machine/`: "lnzd", "activation_queue", "pointer_read", "spmat_read", "arithmetic_unit" or
            "activation_rw".

        Returns
        -------
        dict
            The registers by the names that the unit's file explains: int, or float for values under float32. Fixed
            point is shown as the machine holds it, a whole number. Where a PE has several multipliers, a register that
            each of them has is a tuple. The LNZD's `held`, its activation row, is a tuple of one value a PE.

        Raises
        ------
        EieError
            For an unknown unit or a PE that there is not.
        """
        values = self._fields(self._registers, self._scanner, pe, unit)
        if unit == LNZD:
            values["held"] = tuple(self._held.tolist())
        return values

    def wires(self, pe: int | None, unit: str) -> Values:
        """Look at the wires that a unit drives, in the cycle that the machine is in.

        Parameters
        ----------
        pe : int or None
            As for `inspect`.
        unit : str
            As for `inspect`.

        Returns
        -------
        dict
            The wires by name, as `inspect` gives registers.

        Raises
        ------
        EieError
            For an unknown unit or a PE that there is not.
        """
        return self._fields(self._machine.wires, self._machine.candidate, pe, unit)

    def memories(self, pe: int | None, unit: str) -> Values:
        """Look into the memories of a unit, in the cycle that the machine is in.

        Parameters
        ----------
        pe : int or None
            As for `inspect`.
        unit : str
            As for `inspect`.

        Returns
        -------
        dict
            The memories by name, each a tuple: `places` of the "activation_queue", (column, activation) each, of which
            the `count` from `head` on are held, in a ring; `source`, the PE's input activations, and `accumulators`,
            its sums, of "activation_rw"; `pointers` of "pointer_read"; `code` and `z` of "spmat_read", an entry each;
            the `codebook` of the "arithmetic_unit". The LNZD has none. Numbers are as `inspect` gives them.

        Raises
        ------
        EieError
            For an unknown unit or a PE that there is not.
        """
        place, machine = self._pe(pe, unit), self._machine
        entries = slice(int(machine.base[place]), int(machine.base[place + 1]))
        of_unit: dict[str, dict[str, Any]] = {
            "activation_queue": {"places": self._queues[place]},
            "activation_rw": {
                "source": machine.source[: -clock.ZERO_ROWS, place],
                "accumulators": self._accumulators[place, : len(self._prepared.layer.rows_of_pe[place])],
            },
            "pointer_read": {"pointers": machine.pointers[:, place]},
            "spmat_read": {"code": machine.code[entries], "z": machine.z[entries]},
            "arithmetic_unit": {"codebook": machine.codebook},
        }
        return {name: tuple(values.tolist()) for name, values in of_unit.get(unit, {}).items()}

    def result(self) -> Result:
        """What `simulate(layer, activations, config, engine="clocked")` gives, to the bit.

        Returns
        -------
        Result
            Of the cycles that were stepped.

        Raises
        ------
        EieError
            If the machine is not `done`.
        """
        if not self.done:
            raise EieError(f"the machine is in cycle {self._cycle:,} and not done: step until `done` is True")
        run = clocked.reported(self._machine, self._prepared.job, int(self._cycles), int(self._scan_last))
        return of_clocked_run(self._model, self._feed, self._config, run)

    def _look(self) -> None:
        """Keep the registers and memories of this cycle: the update overwrites them."""
        machine = self._machine
        self._registers, self._scanner = machine.registers.copy(), machine.scanner.copy()
        self._held, self._queues = machine.held.copy(), machine.queues.copy()
        self._accumulators = machine.accumulators.copy()

    def _fields(self, units: Any, of_lnzd: Any, pe: int | None, unit: str) -> Values:
        place = self._pe(pe, unit)
        record = of_lnzd[0] if unit == LNZD else units[unit][place]
        return {name: _plain_value(record[name]) for name in record.dtype.names}

    def _pe(self, pe: int | None, unit: str) -> int:
        """The number of the PE whose unit is asked for; 0 for the LNZD."""
        if unit not in UNITS:
            raise unknown("no unit of the machine", str(unit), UNITS)
        pes = self._config.pes
        if unit == LNZD:
            if pe is not None:
                raise EieError(f"pe = {pe}: the LNZD is one for all PEs; inspect(None, 'lnzd')")
            return 0
        which = f"0 to {pes - 1}"
        if pe is None:
            raise EieError(f"pe = None: each PE has its {unit}; say which, {which}")
        try:
            place = index(pe)
        except TypeError:
            raise EieError(f"pe = {pe!r}: is no number of a PE, {which}") from None
        if not 0 <= place < pes:
            raise EieError(f"pe = {place}: the machine has the PEs {which}")
        return place


def _plain_value(value: Any) -> Any:
    """A number of Python; of a field with a value a lane the only one, or a tuple."""
    if np.ndim(value) == 0:
        return value.item()
    return value[0].item() if len(value) == 1 else tuple(value.tolist())
