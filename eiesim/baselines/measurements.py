"""What measured baselines are kept as: a JSON file that says on what machine and when."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eiesim._io.atomic import writing
from eiesim._io.reading import read_bytes
from eiesim.errors import EieError

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
BUSY_A_CORE = 0.25
"""Load average a core above which a machine is not idle."""
Precision = Literal["float32", "bfloat16", "int8", "int4"]
TOLERANCES: dict[str, float] = {"float32": 1e-5, "bfloat16": 0.02, "int8": 0.1, "int4": 0.5}
"""How far a product may lie from the float64 one, as a share of it (Euclidean lengths), to be timed."""
SHORT = {"bfloat16": "bf16"}
"""What a precision is called where there is little room."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Measurement(BaseModel):
    """One kernel on one layer. rows, cols, nnz: the layer's. time_us, energy_uj: of a frame, one of `batch`.

    kernel: what ran, by library and version. repeats: how many runs the time is the median of; time_us_low: the least.
    power_source: the counter that measured the energy, or what it is estimated from.
    precision: of the weights; below float32 it is not the same product. index_bits: of a sparse operand's indices.
    difference: from the product in float64, as a share of it (Euclidean lengths). Files of before do not have the last
    three and the least time.
    """

    model_config = _STRICT

    layer: str
    rows: Count
    cols: Count
    nnz: Annotated[int, Field(ge=0)]
    device: Literal["cpu", "gpu"]
    library: str
    kernel: str
    matrix: Literal["dense", "sparse"]
    batch: Count
    threads: Count
    repeats: Count
    time_us: Positive
    energy_uj: Positive
    energy_basis: Literal["measured", "estimated"]
    power_source: str
    precision: Precision = "float32"
    index_bits: Literal[32, 64] | None = None
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    time_us_low: Positive | None = None

    @property
    def power_w(self) -> float:
        """Mean power."""
        return self.energy_uj / self.time_us

    @property
    def is_baseline(self) -> bool:
        """Whether the others of the layer are set over this one."""
        return (self.device, self.matrix, self.batch, self.precision) == ("cpu", "dense", 1, "float32")

    @property
    def series(self) -> str:
        """What it is called in tables and plots."""
        return f"{self.kind}, batch {self.batch}"

    @property
    def kind(self) -> str:
        """The same at any batch."""
        device = "CPU" if self.device == "cpu" else "GPU"
        reduced = "" if self.precision == "float32" else f", {SHORT.get(self.precision, self.precision)}"
        return f"{device} {self.matrix} ({self.library}{reduced})"


class Host(BaseModel):
    """Where it was measured. gpu: its name, empty without one."""

    model_config = _STRICT

    cpu: str
    cores: Count
    gpu: str
    system: str
    versions: dict[str, str]


class LeftOut(BaseModel):
    """A product that was not timed. batch: None where it could not be made at all."""

    model_config = _STRICT

    layer: str
    product: str
    batch: Count | None
    reason: str

    def __str__(self) -> str:
        batch = "" if self.batch is None else f", batch {self.batch}"
        return f"{self.layer}{batch}: {self.product}: {self.reason}"


class Measured(BaseModel):
    """A file of measurements. when: UTC, ISO 8601, of the last one. load_average: of the machine when that began.

    left_out: products that failed or gave other values than the layer's, and were not timed.
    """

    model_config = _STRICT

    format: Literal["eiesim-baselines/1"] = "eiesim-baselines/1"
    machine: Host
    when: str
    load_average: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    measurements: tuple[Measurement, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether other work may have slowed the measurements."""
        return self.load_average is not None and self.load_average > BUSY_A_CORE * self.machine.cores

    @property
    def warning(self) -> str:
        """What may have spoilt the times; empty where nothing did."""
        if not self.busy:
            return ""
        busy = f"load average {self.load_average:.1f} on {self.machine.cores} cores"
        return f"the machine was not idle ({busy}): times may be too long"

    def of(self, layer: str) -> list[Measurement]:
        """A layer's measurements."""
        return [one for one in self.measurements if one.layer == layer]


def save_measured(measured: Measured, path: str | Path) -> None:
    """Write the file, whole or not at all."""
    with writing(path) as file:
        file.write(f"{measured.model_dump_json(indent=1)}\n".encode())


def load_measured(path: str | Path) -> Measured:
    """A file of measurements. Raises EieError, naming file and key, for anything malformed."""
    path = Path(path)
    try:
        text = read_bytes(path, "no such file of measured baselines").decode()
        json.loads(text)
    except EieError:
        raise
    except (ValueError, RecursionError) as error:
        raise EieError(f"{path}: not readable as JSON: {' '.join(str(error).split())}") from None
    try:
        return Measured.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise EieError(f"{path}: {key or 'file'}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
