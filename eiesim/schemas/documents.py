"""Every JSON document that eiesim writes, by name; the `format` of NAME is `eiesim-NAME/1`."""

import json
from typing import Annotated, Any

from eiesim.baselines.measurements import Measured
from eiesim.schemas.machines import Advice, BalanceReport, InspectReport, Layers
from eiesim.schemas.networks import Accuracy, Compress, Train
from eiesim.schemas.records import Sha256
from eiesim.schemas.runs import CriticalPath, Power, Result
from eiesim.schemas.shapes import document

DOCUMENTS: dict[str, Any] = {
    "accuracy": Accuracy,
    "advice": Advice,
    "balance": BalanceReport,
    "baselines": Annotated[Measured, "What `eiesim compare --baselines measured` keeps as measured.json."],
    "compress": Compress,
    "critical-path": CriticalPath,
    "inspect": InspectReport,
    "layers": Layers,
    "power": Power,
    "result": Result,
    "train": Train,
    "written": Annotated[dict[str, Sha256], "SHA-256 of the files of a folder that eiesim wrote: .eiesim-written.json"],
}


def made() -> dict[str, str]:
    """The text of each document's schema, made from its class."""
    return {name: f"{json.dumps(schema_of(name), indent=1)}\n" for name in DOCUMENTS}


def schema_of(name: str) -> dict[str, Any]:
    """One document's schema, made from its class."""
    return document(name, DOCUMENTS[name])
