"""Between eiesim and the oracle: one case through both, and every difference found."""

from dataclasses import dataclass

import numpy as np

from eiesim import CompressedLayer, EieError, MachineConfig
from eiesim.arithmetic import golden_product, prepare
from eiesim.encoding import interleave
from eiesim.engines import clocked, event, recurrence
from eiesim.job import Job

from .layers import dense_codes as dense_codes
from .layers import layer_of as layer_of
from .oracle import encode, golden, timing

ENGINES = {"clocked": clocked.run, "recurrence": recurrence.run, "event": event.run}
SCALARS = ("cycles", "scan_last", "broadcasts", "scan_bubbles", "broadcast_stalls")


@dataclass(frozen=True)
class Case:
    """A layer, a batch of inputs (float32[batch, cols]) and a machine."""

    layer: CompressedLayer
    batch: np.ndarray
    config: MachineConfig

    def __repr__(self) -> str:
        layer, settings = self.layer, {k: v for k, v in self.config if v != MachineConfig.model_fields[k].default}
        bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
        return (
            f"case(codes={dense_codes(layer)}, codebook={layer.codebook.tolist()}, bias={bias}, "
            f"batch={self.batch.tolist()}, activation={layer.activation!r}, "
            + ", ".join(f"{key}={value!r}" for key, value in settings.items())
            + ")"
        )


def case(codes, codebook, batch, bias=None, activation="none", **settings) -> Case:
    """A case from lists. codes: [rows][cols], 0 is no weight. settings: configuration keys."""
    return Case(layer_of(codes, codebook, bias, activation), np.array(batch, np.float32), MachineConfig(**settings))


def expected(case):
    """What the oracle says, one dictionary an input: timing's names, "sums", "fraction_bits".

    Raises golden.ShiftError as the specification has it.
    """
    layer, config = case.layer, case.config
    codes, bias = dense_codes(layer), None if layer.bias_codes is None else layer.bias_codes.tolist()
    codebook = layer.codebook.tolist()
    held = [golden.above(inputs, config.activation_threshold) for inputs in case.batch.tolist()]
    batch = [inputs for inputs, _ in held]
    memories = encode.encode(codes, bias, config.pes, config.index_bits, config.mapping)
    columns = len(memories[0][1]) - 1
    entries_per_row = config.spmat_width // (config.index_bits + config.weight_bits)
    used, adder = {}, config.operation == "adder"
    fixed_sums = golden.adder_fixed_sums if adder else golden.fixed_sums
    float32_sums = golden.adder_float32_sums if adder else golden.float32_sums
    if config.arithmetic != "float32":
        bits = golden.BITS[config.arithmetic]
        chosen = {name: getattr(config, f"{name}_frac") for name in ("activation", "weight", "output")}
        bits_of = golden.adder_fraction_bits if adder else golden.fraction_bits
        used = bits_of(codes, bias, codebook, batch, bits, chosen)
    results = []
    for inputs, dropped in held:
        if used:
            how = config.rounding, config.rounding_seed
            sums = fixed_sums(codes, bias, codebook, inputs, bits, used, *how)
            seen = [golden.quantise(value, used["activation"], bits) for value in inputs]
            one = golden.quantise(1.0, used["activation"], bits)
        else:
            sums, seen, one = float32_sums(codes, bias, codebook, inputs), inputs, 1.0
        if bias is not None:
            seen = seen + [0] * (columns - 1 - len(seen)) + [one]
        found = timing.timing(memories, seen, config.queue_depth, entries_per_row, config.multipliers)
        results.append({**found, "sums": sums, "fraction_bits": used, "dropped": dropped})
    return results


def runs(case, engines=tuple(ENGINES), outputs=True):
    """Each engine's runs, one an input, and the fraction bits used. Raises EieError where eiesim refuses the case."""
    operands = prepare(case.layer, case.batch, case.config, outputs)
    config = case.config
    interleaved = interleave(case.layer, config.pes, config.index_bits, config.mapping)
    job = Job.of(interleaved, operands, config, outputs)
    rows = job.in_rows(operands.activations, operands.one)
    return {name: [ENGINES[name](job, row) for row in rows] for name in engines}, operands


def differences(case, engines=tuple(ENGINES)) -> list[str]:
    """Every output bit, cycle and counter that is not as the oracle has it, and every broken law."""
    try:
        oracle = expected(case)
    except golden.ShiftError as shift:
        try:
            runs(case, engines)
        except EieError:
            return []
        return [f"a shift of {shift} is not refused"]
    every, operands = runs(case, engines)
    found = []
    if operands.fraction_bits != oracle[0]["fraction_bits"]:
        found.append(f"fraction bits {operands.fraction_bits}, the oracle has {oracle[0]['fraction_bits']}")
    if list(operands.dropped) != [right["dropped"] for right in oracle]:
        found.append(f"dropped {operands.dropped}, the oracle has {[right['dropped'] for right in oracle]}")
    golden_sums = golden_product(case.layer, operands)
    for ours, right in zip(golden_sums, oracle, strict=True):
        if _bits(ours) != _bits(right["sums"]):
            found.append(f"the golden product has the sums {_bits(ours)}, the oracle {_bits(right['sums'])}")
    for engine, each in every.items():
        for i, (run, right) in enumerate(zip(each, oracle, strict=True)):
            for name, ours, theirs in pairs(run, right):
                if ours != theirs:
                    found.append(f"{engine}, input {i}: {name} is {ours}, the oracle has {theirs}")
            found += [f"{engine}, input {i}: not so: {law}" for law in broken_laws(run, case.config)]
    return found


def pairs(run, right):
    """(name, ours, the oracle's) of all that a run reports; sums by their bits."""
    for name in SCALARS:
        yield name, getattr(run, name), right[name]
    names = set(vars(run.per_pe)) | set(right["per_pe"])
    for name in sorted(names):
        yield name, getattr(run.per_pe, name).tolist(), right["per_pe"][name]
    yield "sums", _bits(run.sums), _bits(right["sums"])


def _bits(sums):
    """Sums as whole numbers, float32 by their bits."""
    sums = np.asarray(sums)
    return [hex(bits) for bits in sums.view(np.uint32)] if sums.dtype == np.float32 else sums.tolist()


def broken_laws(run, config) -> list[str]:
    """The conservation laws that a run breaks (docs/machine.md, "Timing, exactly" and "Counters")."""
    pe = run.per_pe
    states = (pe.busy_real, pe.busy_padding, pe.busy_empty, pe.starved)
    scanned = run.broadcasts + run.scan_bubbles + run.broadcast_stalls
    laws = {
        "pushes = broadcasts on every PE": pe.queue_pushes == run.broadcasts,
        "pops = broadcasts on every PE": pe.queue_pops == run.broadcasts,
        "pointer reads = broadcasts x PEs": pe.pointer_reads.sum() == run.broadcasts * config.pes,
        "broadcasts + bubbles + stalls = scan_last": scanned == run.scan_last,
        "scan_last <= cycles": run.scan_last <= run.cycles,
        "PointerRead's four states add up to cycles": sum(states) == run.cycles,
        "no state is negative": np.minimum.reduce(states) >= 0,
        "entries = macs + padding": pe.entries == pe.macs + pe.padding_entries,
        "all groups are walked within cycles": pe.busy_real + pe.busy_padding == pe.entry_groups,
        "groups <= entries <= groups x multipliers": (pe.entry_groups <= pe.entries)
        & (pe.entries <= pe.entry_groups * config.multipliers),
        "one multiplier walks an entry a cycle": config.multipliers > 1 or pe.entry_groups == pe.entries,
        "busy_real <= macs, busy_padding <= padding": (pe.busy_real <= pe.macs)
        & (pe.busy_padding <= pe.padding_entries),
        "busiest PE <= cycles": pe.entry_groups.max() <= run.cycles,
        "accumulator reads = macs": pe.accumulator_reads == pe.macs,
        "accumulator writes = macs": pe.accumulator_writes == pe.macs,
        "bypasses < macs": pe.bypasses <= np.maximum(pe.macs - 1, 0),
        "SRAM rows read <= groups": pe.spmat_row_reads <= pe.entry_groups,
        "occupancy <= places": pe.max_occupancy <= min(config.queue_depth, run.broadcasts),
    }
    return [law for law, holds in laws.items() if not np.all(holds)]
