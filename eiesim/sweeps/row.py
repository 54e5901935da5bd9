"""Row: one simulated (layer, configuration, seed, engine), one line of the sweep table (docs/formats.md).

The class names, types and explains the table's columns; nothing else does. Names are those of the result JSON and of
the configuration keys; nested ones are joined with "_" (`energy_total_uj`, `fraction_bits_weight`).
"""

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import numpy as np

from eiesim import counters
from eiesim._version import __version__
from eiesim.config import FORMER_KEYS, MachineConfig
from eiesim.errors import EieError, shown
from eiesim.layer_result import LayerResult
from eiesim.model import Workload
from eiesim.paper.source import COMPONENTS

if TYPE_CHECKING:
    import pandas as pd

LATER_KEYS = ("operation", "multipliers", "mapping", "rounding", "rounding_seed", "activation_threshold")
"""Configuration keys of docs/variants.md."""

LONGEST_NAME = 1000
"""Letters of a layer's name in a cell."""

Number = int | float
"""A whole number for one input; the mean over a batch may be a fraction."""


def _key(name: str) -> str:
    return f"configuration: {MachineConfig.model_fields[name].description}"


def _energy(part: str) -> str:
    return f"estimated energy of the {part} {'component' if part in COMPONENTS else 'module'}, in microjoules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run of a layer. Each column has its type and what it means; None is an empty cell."""

    layer: Annotated[str, "the layer's name"]
    seed: Annotated[int | None, "seed of a synthetic layer, or of an input that was drawn; else empty"]
    engine: Annotated[str, "recurrence, clocked or event"]
    pes: Annotated[int, _key("pes")]
    queue_depth: Annotated[int, _key("queue_depth")]
    spmat_width: Annotated[int, _key("spmat_width")]
    index_bits: Annotated[int, _key("index_bits")]
    weight_bits: Annotated[int, _key("weight_bits")]
    arithmetic: Annotated[str, _key("arithmetic")]
    clock_mhz: Annotated[float, _key("clock_mhz")]
    operation: Annotated[str, _key("operation")]
    multipliers: Annotated[int, _key("multipliers")]
    mapping: Annotated[str, _key("mapping")]
    rounding: Annotated[str, _key("rounding")]
    rounding_seed: Annotated[int, _key("rounding_seed")]
    activation_threshold: Annotated[float, _key("activation_threshold")]
    activation_frac: Annotated[str, _key("activation_frac")]
    weight_frac: Annotated[str, _key("weight_frac")]
    output_frac: Annotated[str, _key("output_frac")]
    spmat_bytes: Annotated[int, _key("spmat_bytes")]
    pointer_bytes: Annotated[int, _key("pointer_bytes")]
    activation_bytes: Annotated[int, _key("activation_bytes")]
    weights: Annotated[str, _key("weights")]
    dram_gbytes_per_s: Annotated[float, _key("dram_gbytes_per_s")]
    dram_pj_per_bit: Annotated[float, _key("dram_pj_per_bit")]
    variation: Annotated[
        float | None, "coefficient of variation of a synthetic layer's densities; empty for one from a file"
    ]
    rows: Annotated[int, "outputs"]
    cols: Annotated[int, "inputs"]
    nnz: Annotated[int, "kept weights, the bias left out"]
    weight_density: Annotated[float, "nnz / (rows x cols)"]
    activation_density: Annotated[float, "share of the inputs that are not zero, before any quantising"]
    fed: Annotated[str, "what the layer was fed: given, chained (what the layer before gave), recorded, or drawn"]
    vectors: Annotated[float, "input vectors that the layer has in one input of its network; figures are of one vector"]
    inputs: Annotated[int, "inputs in the batch; figures are means over them, ratios formed from summed counters"]
    cycles: Annotated[Number, "cycles until the last result is written, loads of streamed weights included"]
    scan_last: Annotated[Number, "cycle in which the scan of the activations ends"]
    time_us: Annotated[float, "cycles / clock"]
    theoretical_us: Annotated[
        float, "entry_groups / PEs / clock: the time with perfect load balance (Table IV, theoretical)"
    ]
    broadcasts: Annotated[Number, counters.meaning("broadcasts")]
    scan_bubbles: Annotated[Number, counters.meaning("scan_bubbles")]
    broadcast_stalls: Annotated[Number, counters.meaning("broadcast_stalls")]
    dropped_activations: Annotated[Number, counters.meaning("dropped_activations")]
    pointer_reads: Annotated[Number, counters.meaning("pointer_reads")]
    empty_columns: Annotated[Number, counters.meaning("empty_columns")]
    spmat_row_reads: Annotated[Number, counters.meaning("spmat_row_reads")]
    entries: Annotated[Number, counters.meaning("entries")]
    entry_groups: Annotated[Number, counters.meaning("entry_groups")]
    padding_entries: Annotated[Number, counters.meaning("padding_entries")]
    macs: Annotated[Number, counters.meaning("macs")]
    bypasses: Annotated[Number, counters.meaning("bypasses")]
    queue_pushes: Annotated[Number, counters.meaning("queue_pushes")]
    queue_pops: Annotated[Number, counters.meaning("queue_pops")]
    max_occupancy: Annotated[Number, counters.meaning("max_occupancy")]
    accumulator_reads: Annotated[Number, counters.meaning("accumulator_reads")]
    accumulator_writes: Annotated[Number, counters.meaning("accumulator_writes")]
    busy_real: Annotated[Number, counters.meaning("busy_real")]
    busy_padding: Annotated[Number, counters.meaning("busy_padding")]
    busy_empty: Annotated[Number, counters.meaning("busy_empty")]
    starved: Annotated[Number, counters.meaning("starved")]
    load_balance: Annotated[float, "entry_groups / (cycles x PEs) (Fig. 13)"]
    alu_efficiency: Annotated[float, "macs / (cycles x PEs x multipliers)"]
    real_work: Annotated[float, "macs / entries (Fig. 12)"]
    gops: Annotated[float, "2 x macs / time, in 10**9 a second"]
    dense_equivalent_gops: Annotated[float, "2 x rows x cols / time, in 10**9 a second"]
    memory_fits: Annotated[int, "1 if the PEs hold all of the layer's weights, in reach of their pointers, else 0"]
    memory_tiles: Annotated[int, "tiles that streamed weights came in; 0 if resident"]
    memory_loaded_bytes: Annotated[int, "bytes of all tiles, loaded once for the whole batch"]
    memory_load_cycles: Annotated[int, "cycles of loading alone, for the whole batch"]
    memory_compute_cycles: Annotated[int, "cycles of computing alone, for the whole batch"]
    memory_cycles: Annotated[int, "cycles of both, overlapped, for the whole batch"]
    energy_total_uj: Annotated[float | None, "estimated energy of a run, in microjoules"]
    energy_power_w: Annotated[float | None, "estimated mean power, in watts"]
    energy_act_queue_uj: Annotated[float | None, _energy("act_queue")]
    energy_ptr_read_uj: Annotated[float | None, _energy("ptr_read")]
    energy_spmat_read_uj: Annotated[float | None, _energy("spmat_read")]
    energy_arithm_unit_uj: Annotated[float | None, _energy("arithm_unit")]
    energy_act_rw_uj: Annotated[float | None, _energy("act_rw")]
    energy_lnzd_uj: Annotated[float | None, _energy("lnzd")]
    energy_dram_uj: Annotated[float | None, "estimated energy of loading streamed weights from DRAM, in microjoules"]
    energy_memory_uj: Annotated[float | None, _energy("memory")]
    energy_clock_network_uj: Annotated[float | None, _energy("clock_network")]
    energy_register_uj: Annotated[float | None, _energy("register")]
    energy_combinational_uj: Annotated[float | None, _energy("combinational")]
    energy_dynamic_uj: Annotated[
        float | None, "of the total, what events and the clock cost; empty where the model cannot tell"
    ]
    energy_leakage_uj: Annotated[float | None, "of the total, what leaks; empty where the model cannot tell"]
    energy_model: Annotated[str, "which energy model made the estimates"]
    fraction_bits_activation: Annotated[int | None, "fraction bits used for the activations; empty under float32"]
    fraction_bits_weight: Annotated[int | None, "fraction bits used for the codebook; empty under float32"]
    fraction_bits_output: Annotated[
        int | None, "fraction bits of the accumulators where they were fixed; a timing-only run needs none"
    ]
    warnings: Annotated[str, "memories of the published design that the layer exceeds, by name"]
    eiesim: Annotated[str, "version that made the row"]
    hash: Annotated[str, "names what made the row: content of layer and input, configuration, engine and version"]

    @classmethod
    def of(cls, workload: Workload, result: LayerResult, key: str) -> "Row":
        """The row of a run. workload: what was run. key: the row's hash (`row_hash`).

        Raises EieError for a layer's name that is too long for a cell.
        """
        if len(result.name) > LONGEST_NAME:
            raise EieError(f"a layer's name has {len(result.name):,} letters; a table takes {LONGEST_NAME:,}")
        config: dict[str, Any] = result.config.model_dump()
        config |= {name: str(config[name]) for name in ("activation_frac", "weight_frac", "output_frac")}
        return cls(
            seed=workload.seed,
            engine=result.engine,
            **config,
            variation=workload.variation,
            activation_density=float(np.count_nonzero(workload.activations) / workload.activations.size),
            inputs=len(result.runs),
            **{**result.cells(), "fed": workload.fed, "vectors": workload.vectors},
            eiesim=__version__,
            hash=key,
        )

    @classmethod
    def parse(cls, cells: Sequence[str]) -> "Row":
        """The row of a line's cells, in the order of `columns()`. Raises EieError that names a cell of another type."""
        if len(cells) != len(columns()):
            raise EieError(f"has {len(cells)} cells, needs {len(columns())}")
        values: dict[str, Any] = {}
        for (name, read), text in zip(readers().items(), cells, strict=True):
            try:
                values[name] = read(text)
            except ValueError:
                raise EieError(f"column {name}: {shown(text)} is not {_type_name(name)}") from None
        return cls(**values)

    def cells(self) -> dict[str, Any]:
        """The values by column, None where a cell is empty."""
        return {name: getattr(self, name) for name in columns()}

    def line(self) -> str:
        """The row as a CSV line, its end included; floats with all their digits."""
        return csv_line("" if value is None else value for value in self.cells().values())

    def checked_line(self) -> str:
        """The line with a check over it as its last cell."""
        line = self.line()[:-1]
        return f"{line},{check_of(line)}\n"


@cache
def columns() -> tuple[str, ...]:
    """The table's columns, in order."""
    return tuple(part.name for part in fields(Row))


@cache
def meanings() -> Mapping[str, str]:
    """One line on each column."""
    return {name: str(get_args(kind)[1]) for name, kind in get_type_hints(Row, include_extras=True).items()}


def row_hash(content_hash: str, config: MachineConfig, engine: str) -> str:
    """32 hex digits of the SHA-256 over what makes a row. content_hash: of the `Workload`.

    Keys of `LATER_KEYS` count only where they are not the default, and renamed keys count under their first names, so
    that rows of before keep their hashes.
    """
    keys = config.model_dump()
    for former, name in FORMER_KEYS.items():
        keys[former] = keys.pop(name)
    for name in LATER_KEYS:
        if keys[name] == MachineConfig.model_fields[name].default:
            del keys[name]
    made_of = [content_hash, keys, engine, __version__]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def check_of(line: str) -> str:
    """16 hex digits of the SHA-256 over a CSV line without its end: a change of any cell shows."""
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def csv_line(cells: Iterable[Any]) -> str:
    """Cells as a CSV line, its end included."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def rows_of(table: "pd.DataFrame") -> list[Row]:
    """The rows of a table of them, whatever columns were added; what is missing is None."""
    return [Row(**{name: _plain(line[name]) for name in columns()}) for line in table.to_dict("records")]


def _plain(value: Any) -> Any:
    return None if value != value or str(value) == "<NA>" else value


@cache
def types() -> Mapping[str, Any]:
    """The columns' types."""
    return get_type_hints(Row)


def _whole(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _bandwidth(text: str) -> float:
    return math.inf if text == "inf" else _finite(text)


def _number(text: str) -> Number:
    return _whole(text) if text.isdecimal() else _finite(text)


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else None


@cache
def readers() -> Mapping[str, Callable[[str], Any]]:
    """What turns each column's text into its value; ValueError where it is none."""
    of: dict[Any, Callable[[str], Any]] = {
        str: str,
        int: _whole,
        float: _finite,
        Number: _number,
        int | None: _optional(_whole),
        float | None: _optional(_finite),
    }
    return {**{name: of[kind] for name, kind in types().items()}, "dram_gbytes_per_s": _bandwidth}


def _type_name(name: str) -> str:
    return "a whole number" if types()[name] in (int, int | None) else "a number"
