"""A JSON document held to the schema that eiesim ships for it, by the package jsonschema; without it, to nothing."""

from functools import cache
from importlib.util import find_spec

import eiesim

LONGEST = 300_000
"""Letters of a document that is checked wherever a test prints one."""


@cache
def validator(name):
    """Of a document by its name or format."""
    import jsonschema

    return jsonschema.Draft202012Validator(eiesim.schema(name))


def faults(document, name=None):
    """What the schema finds amiss, a line each. name: where the document does not say its format."""
    return [
        f"{one.json_path}: {one.message[:300]}" for one in validator(name or document["format"]).iter_errors(document)
    ]


def meets(document, name=None):
    """Fail where a document is not as its schema says."""
    if find_spec("jsonschema"):
        assert faults(document, name) == []
