"""The machine's configuration: the only place that knows defaults (docs/formats.md)."""

import math
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eiesim._io.toml import read_toml
from eiesim._shown import Tabled
from eiesim.errors import EieError, shown, unknown

Arithmetic = Literal["float32", "fixed32", "fixed16", "fixed8"]
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)
"""The number formats: floating point first, then fixed point from wide to narrow."""

RowMapping = Literal["interleaved", "blocked"]
MAPPINGS: tuple[RowMapping, ...] = get_args(RowMapping)
RoundingMode = Literal["nearest", "floor", "stochastic"]
Weights = Literal["resident", "streamed", "streamed-active"]
Operation = Literal["multiply", "adder"]
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
FractionBits = Literal["auto"] | Annotated[int, Field(ge=-16, le=47)]

FORMER_KEYS = {"dram_gbps": "dram_gbytes_per_s"}
"""Keys by the names that they had before, which are still read."""


def todays_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by today's keys. A former key is read with a warning; EieError where both stand."""
    for former in FORMER_KEYS.keys() & values.keys():
        if FORMER_KEYS[former] in values:
            raise EieError(
                f"{former}, {FORMER_KEYS[former]}: are the old and the new name of one key; give one of them"
            )
        warnings.warn(f"{former} is called {FORMER_KEYS[former]} now", FutureWarning, stacklevel=3)
    return {FORMER_KEYS.get(key, key): value for key, value in values.items()}


if TYPE_CHECKING:
    import pandas as pd


class MachineConfig(Tabled, BaseModel):
    """An EIE machine. The defaults are the published design (preset `isca16`).

    Raises
    ------
    EieError
        In one line, for an unknown key or a value out of range.

    Examples
    --------
    >>> import eiesim
    >>> machine = eiesim.MachineConfig(pes=256, queue_depth=16)
    >>> machine.replace(arithmetic="float32").pes
    256
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pes: int = Field(default=64, ge=1, le=4096, description="processing elements")
    mapping: RowMapping = Field(
        default="interleaved", description="rows of a PE: interleaved (i mod PEs) or blocked (neighbouring ones)"
    )
    queue_depth: int = Field(default=8, ge=1, le=2**31 - 1, description="usable places of an activation queue")
    index_bits: int = Field(default=4, ge=1, le=8, description="bits of a relative row index")
    weight_bits: int = Field(default=4, ge=1, le=8, description="bits of a weight code")
    spmat_width: int = Field(default=64, ge=2, le=2**20, description="bits of a sparse-matrix SRAM row")
    multipliers: int = Field(
        default=1, ge=1, description="multiply-accumulate lanes of a PE; they divide the entries of an SRAM row"
    )
    clock_mhz: float = Field(default=800.0, ge=1e-3, le=1e6, description="clock frequency in MHz")
    arithmetic: Arithmetic = Field(default="fixed16", description="number format of values and accumulators")
    operation: Operation = Field(
        default="multiply", description="what a PE does with a weight and an activation: multiply, or adder (AdderNet)"
    )
    activation_frac: FractionBits = Field(default="auto", description="fraction bits of the activations")
    weight_frac: FractionBits = Field(default="auto", description="fraction bits of the codebook")
    output_frac: FractionBits = Field(default="auto", description="fraction bits of the accumulators")
    rounding: RoundingMode = Field(
        default="nearest", description="how fixed point drops a product's bits: nearest, floor or stochastic"
    )
    rounding_seed: int = Field(default=0, ge=0, le=2**32 - 1, description="seed of stochastic rounding")
    activation_threshold: float = Field(
        default=0.0, ge=0, le=LARGEST_FLOAT32, description="inputs of a layer up to this magnitude are taken as 0"
    )
    spmat_bytes: int = Field(default=131072, ge=1, description="bytes of sparse-matrix SRAM a PE")
    pointer_bytes: int = Field(default=32768, ge=1, description="bytes of pointer SRAM a PE")
    activation_bytes: int = Field(default=2048, ge=1, description="bytes of activation SRAM a PE")
    weights: Weights = Field(
        default="resident", description="resident, streamed, or streamed-active (only active columns)"
    )
    dram_gbytes_per_s: float = Field(
        default=25.6, ge=1e-3, description="bytes a second from DRAM into the array, in 10**9; inf is allowed"
    )
    dram_pj_per_bit: float = Field(default=20.0, ge=0, le=1e6, description="energy of a bit from DRAM, in picojoules")

    if not TYPE_CHECKING:  # type checkers and completion take the keys and their types from the fields

        def __init__(self, /, **values: Any) -> None:
            try:
                # numpy's whole numbers and floats are as good as Python's; a sweep over an array brings them.
                plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
                super().__init__(**todays_keys(plain))
            except ValidationError as error:
                raise EieError(_one_line(error)) from None

    @model_validator(mode="after")
    def _an_entry_fits_a_row(self) -> "MachineConfig":
        if self.entries_per_row < 1:
            raise ValueError(
                f"spmat_width {self.spmat_width} holds no entry of {self.entry_bits} bits "
                "(index_bits + weight_bits); make it wider"
            )
        if self.entries_per_row % self.multipliers:
            raise ValueError(
                f"multipliers = {self.multipliers}: an SRAM row brings {self.entries_per_row} entries "
                "(spmat_width // (index_bits + weight_bits)), and multipliers must divide them"
            )
        return self

    @model_validator(mode="after")
    def _rounding_means_something(self) -> "MachineConfig":
        if self.arithmetic == "float32" and self.rounding != "nearest":
            raise ValueError(f"rounding = '{self.rounding}': fixed point rounds products, arithmetic float32 does not")
        if self.rounding_seed and self.rounding != "stochastic":
            raise ValueError(
                f"rounding_seed = {self.rounding_seed}: only rounding = 'stochastic' draws, not '{self.rounding}'"
            )
        return self

    @model_validator(mode="after")
    def _an_adder_compares_like_with_like(self) -> "MachineConfig":
        bits = {self.activation_frac, self.weight_frac} - {"auto"}
        if self.operation == "adder" and len(bits) > 1:
            raise ValueError(
                f"activation_frac = {self.activation_frac}, weight_frac = {self.weight_frac}: operation = 'adder' "
                "compares activations with weights, so both have the same fraction bits; give one of the two keys"
            )
        return self

    @property
    def entry_bits(self) -> int:
        """Bits of one sparse-matrix entry: its code and its relative index."""
        return self.index_bits + self.weight_bits

    @property
    def entries_per_row(self) -> int:
        """Entries in one sparse-matrix SRAM row."""
        return self.spmat_width // self.entry_bits

    @property
    def variant(self) -> str:
        """What sets the machine apart from the published one (docs/variants.md), in words to follow its PE count."""
        words = {
            f" of {self.multipliers} multipliers": self.multipliers > 1,
            ", adder units": self.operation == "adder",
            ", rows in blocks": self.mapping == "blocked",
            f", rounding {self.rounding}": self.rounding != "nearest",
            f" (seed {self.rounding_seed})": self.rounding_seed != 0,
            f", inputs up to {self.activation_threshold:g} dropped": self.activation_threshold > 0,
        }
        return "".join(text for text, holds in words.items() if holds)

    @property
    def _caption(self) -> str:
        return f"A machine of {self.pes} PEs{self.variant}"

    def to_frame(self) -> "pd.DataFrame":
        """Every key, its value, and the published design's.

        Returns
        -------
        pandas.DataFrame
            A row a key: `key`, `value`, `default` and `meaning`.
        """
        import pandas as pd

        rows = [(key, held, type(self).model_fields[key].default, type(self).model_fields[key].description)
                for key, held in self.model_dump().items()]  # fmt: skip
        return pd.DataFrame(rows, columns=["key", "value", "default", "meaning"])

    def to_dict(self) -> dict[str, Any]:
        """Every key for JSON, which has no infinity: an endless `dram_gbytes_per_s` is the text `inf`.

        Returns
        -------
        dict of str to Any
            Values by key, in order.
        """
        return {key: str(held) if held == math.inf else held for key, held in self.model_dump().items()}

    def replace(self, /, **changes: Any) -> "MachineConfig":
        """The same machine with some keys changed, validated anew.

        Parameters
        ----------
        **changes : Any
            Keys with their new values.

        Returns
        -------
        MachineConfig
            Another machine; this one stays.

        Raises
        ------
        EieError
            For an unknown key or a value out of range.
        """
        return MachineConfig(**{**self.model_dump(), **todays_keys(changes)})


def _parameters() -> str:
    """The `Parameters` of the class's docstring: each key's type, default, meaning and range, as its field has them."""
    lines = ["Parameters", "----------"]
    for key, field in MachineConfig.model_fields.items():
        default = f'"{field.default}"' if isinstance(field.default, str) else field.default
        lines.append(f"{key} : {_in_words(field.annotation)}, default {default}")
        limits = {side: getattr(one, side) for one in field.metadata for side in ("ge", "le") if hasattr(one, side)}
        range_ = " to ".join(f"{limit:,}" if isinstance(limit, int) else f"{limit:g}" for limit in limits.values())
        told = f"{field.description}; {range_}" if len(limits) == 2 else str(field.description)
        lines.append(f"    {told[0].upper()}{told[1:]}.")
    return "".join(f"    {line}\n" for line in lines)


def _in_words(kind: Any) -> str:
    """A key's type: `int`, `"nearest", "floor" or "stochastic"`, `"auto" or int`."""
    if get_origin(kind) is Annotated:
        return _in_words(get_args(kind)[0])
    if get_origin(kind) is Literal:
        *others, last = (f'"{value}"' for value in get_args(kind))
        return f"{', '.join(others)} or {last}" if others else last
    return " or ".join(map(_in_words, get_args(kind))) or str(kind.__name__)


MachineConfig.__doc__ = str(MachineConfig.__doc__).replace("    Raises\n", f"{_parameters()}\n    Raises\n", 1)

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "isca16": {},
    "isca16-simulator": {"queue_depth": 7, "arithmetic": "float32"},
}


def preset(name: str) -> MachineConfig:
    """A machine by name.

    Parameters
    ----------
    name : str
        "isca16" (the published text) or "isca16-simulator" (the authors' simulator: queue depth 7, float32).

    Returns
    -------
    MachineConfig
        The machine.

    Raises
    ------
    EieError
        For an unknown name; it says which there are.
    """
    if name not in PRESETS:
        raise unknown("no preset", name, PRESETS)
    return MachineConfig(**PRESETS[name])


def load_config(source: str | Path | None = None, settings: Sequence[str] = (), **keys: Any) -> MachineConfig:
    """A machine from a preset's name or a TOML file, with some keys changed.

    Parameters
    ----------
    source : str or pathlib.Path or None, default None
        A preset's name (isca16, isca16-simulator) or a TOML file; None is the published design.
    settings : sequence of str, default ()
        Keys with their values as the command line's --set takes them, such as "rounding=floor"; they win over `keys`.
    **keys : Any
        Keys of the configuration with their values; None changes nothing.

    Returns
    -------
    MachineConfig
        The machine.

    Raises
    ------
    EieError
        For a file that is missing or malformed, an unknown key, and a value that is no machine's.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.load_config("isca16-simulator", ["multipliers=2"], pes=16).queue_depth
    7
    """
    chosen = _named_config(source)
    changes = {key: value for key, value in keys.items() if value is not None}
    changes.update(parse_setting(setting) for setting in settings)
    return chosen.replace(**changes) if changes else chosen


def _named_config(source: str | Path | None) -> MachineConfig:
    if source is None:
        return MachineConfig()
    if str(source) in PRESETS:
        return preset(str(source))
    path = Path(source)
    values = read_toml(path, f"neither a file nor a preset ({', '.join(PRESETS)})")
    try:
        return MachineConfig(**values)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None


def as_config(config: "MachineConfig | str | Path | Mapping[str, Any] | None") -> MachineConfig:
    """The machine that a verb is given: a configuration, a preset's name or a TOML file, keys with values, or None.

    None is the published design. Raises EieError for anything else, and for what these hold that is no machine.
    """
    if config is None:
        return _published()
    if isinstance(config, MachineConfig):
        return config
    if isinstance(config, str | Path):
        return load_config(config)
    if isinstance(config, Mapping):
        return MachineConfig(**{str(key): value for key, value in config.items()})
    raise EieError(
        f"config: {type(config).__name__} is no machine; give a MachineConfig, a preset's name ({', '.join(PRESETS)}), "
        "a mapping of keys such as {'pes': 16}, or None"
    )


@cache
def _published() -> MachineConfig:
    return MachineConfig()


def in_arithmetic(config: MachineConfig, arithmetic: Arithmetic) -> MachineConfig:
    """The same machine in another arithmetic; in float32 nothing is rounded as in fixed point."""
    exact = {"rounding": "nearest", "rounding_seed": 0} if arithmetic == "float32" else {}
    return config.replace(arithmetic=arithmetic, **exact)


def parse_setting(setting: str) -> tuple[str, Any]:
    """`key=value` as the command line gives it; the value is read as TOML, a bare word as text."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise EieError(f"'{setting}' is not key=value, for instance queue_depth=16")
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        table = {}
    value = table["value"] if len(table) == 1 else text.strip()
    return key.strip(), value


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return str(unknown("no configuration key", key, MachineConfig.model_fields))
    if key.endswith("_frac"):
        message = "must be 'auto' or a whole number from -16 to 47"
    return f"{key} = {shown(first['input'])}: {message[0].lower()}{message[1:]}"
