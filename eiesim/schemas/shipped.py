"""eiesim.schema: the JSON Schema of a document that eiesim writes."""

import json
from importlib.resources import files
from typing import Any

from eiesim._io.data import packaged
from eiesim.errors import unknown


def schema(name: str | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document that eiesim writes.

    A document says its format, such as "eiesim-result/1"; so `schema(document["format"])` is the one that it must meet.
    Objects are closed: a key that the schema has not is refused. Each key's description gives its unit.

    Parameters
    ----------
    name : str or None, default None
        The document: "result", "critical-path", "power" and so on, or its format, such as "eiesim-result/1". None is
        all of them.

    Returns
    -------
    dict of str to Any
        The schema, for any validator; of None all schemas by name.

    Raises
    ------
    EieError
        For a document that there is not.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.schema("result")["properties"]["total"]["$ref"]
    '#/$defs/Total'
    >>> "accuracy" in eiesim.schema()
    True
    """
    texts = {one.name.removesuffix(".json"): one for one in (files("eiesim.schemas") / "data").iterdir()}
    if name is None:
        return {one: _read(one) for one in sorted(texts)}
    found = name.removeprefix("eiesim-").removesuffix("/1") if isinstance(name, str) else name
    if found not in texts:
        raise unknown("no JSON document", name, sorted(texts))
    return _read(found)


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(packaged("eiesim.schemas", f"{name}.json"))
    return read
