"""From classes to JSON Schema (draft 2020-12).

A class is an object: a TypedDict, a dataclass, a named tuple or a model of pydantic's. Each of its fields is a key with
a type and a meaning, and there is no other key. A meaning is the text in `Annotated[type, "text"]`, the description of
a model's field, or, for classes that have neither, what `MEANINGS` says of them; those classes' numbers are counts
and amounts, none of them negative.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from eiesim.schemas.meanings import MEANINGS

Shape = dict[str, Any]

PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


@dataclass(frozen=True)
class Limits:
    """What of a type's values may stand there, in `Annotated`: words of JSON Schema's; None says nothing."""

    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None


Defs = dict[type, Shape]
"""What has been made of each class."""


def document(name: str, kind: Any) -> Shape:
    """The schema of a document: of a class, or of another type with its meaning."""
    defs: Defs = {}
    plain, *notes = get_args(kind) if get_origin(kind) is Annotated else [kind]
    top = {**(_object(plain, defs) if isinstance(plain, type) else shape(plain, defs)), **_notes(notes)}
    named = {one.__name__: made for one, made in defs.items()}
    if len(named) < len(defs):
        raise TypeError(f"{name}: two of its classes have one name")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:eiesim:schema:{name}:1",
        "title": f"eiesim-{name}/1",
        **top,
        **({"$defs": dict(sorted(named.items()))} if named else {}),
    }


def _object(kind: type, defs: Defs) -> Shape:
    properties, required = {}, []
    for key, held, is_required in keys(kind):
        properties[key] = shape(held, defs)
        if "description" not in properties[key]:
            raise TypeError(f"{kind.__name__}.{key} has no meaning")
        required += [key] if is_required else []
    told = " ".join((kind.__doc__ or "").strip().partition("\n\n")[0].split())
    return {
        "description": told,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def keys(kind: type) -> Iterator[tuple[str, Any, bool]]:
    """The keys of an object: name, type with its meaning, whether it is always there."""
    said: Mapping[str, str] = MEANINGS.get(kind, {})
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            notes = [*field.metadata, *([field.description] if field.description else []), *_said(said, name)]
            yield name, noted(field.annotation, notes), True
        return
    hints = get_type_hints(kind, include_extras=True)
    named = [part.name for part in fields(kind)] if is_dataclass(kind) else list(hints)
    if said and list(said) != named:
        raise TypeError(f"{kind.__name__} has {named}, and meanings are there of {list(said)}")
    for name in named:
        held = hints[name]
        optional = is_typeddict(kind) and (get_origin(held) is NotRequired or name in kind.__optional_keys__)  # type: ignore[attr-defined]
        held = get_args(held)[0] if get_origin(held) is NotRequired else held
        limits = [Limits(0)] if said and is_a_number(held) else []
        yield name, noted(held, [*limits, *_said(said, name)]), not optional


def is_a_number(kind: Any) -> bool:
    """Whether a type is of numbers, null among them or not."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return any(one in (int, float) for one in (plain, *get_args(plain)))


def noted(kind: Any, notes: Sequence[Any]) -> Any:
    """A type with notes in `Annotated`."""
    return reduce(lambda held, note: Annotated[held, note], notes, kind)


def _said(said: Mapping[str, str], name: str) -> list[str]:
    return [said[name]] if name in said else []


def shape(kind: Any, defs: Defs) -> Shape:
    """The schema of a type. defs: what the schemas of classes are added to."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return {**shape(inside[0], defs), **_notes(inside[1:])}
    if origin is Literal:
        return {"const": inside[0]} if len(inside) == 1 else {"enum": list(inside)}
    if origin in (Union, types.UnionType):
        return _any_of([shape(one, defs) for one in inside])
    if origin is tuple or origin is list or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return {"type": "array", "items": shape(inside[0], defs)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": shape(inside[1], defs)}
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if not isinstance(kind, type):
        raise TypeError(f"{kind!r} has no schema")
    if kind not in defs:
        defs[kind] = _object(kind, defs)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _notes(notes: Sequence[Any]) -> Shape:
    """What stands beside a type in `Annotated`: its meaning, and limits, ours or pydantic's."""
    found: Shape = {}
    for note in notes:
        if isinstance(note, str):
            found["description"] = note
        elif isinstance(note, Limits):
            found |= {word: limit for word, limit in vars(note).items() if limit is not None}
        elif isinstance(note, FieldInfo):
            found |= _notes(note.metadata)
        else:
            found |= {word: getattr(note, limit) for limit, word in LIMITS.items() if hasattr(note, limit)}
    return found


def _any_of(parts: list[Shape]) -> Shape:
    """One of several; a type or null is one schema."""
    others = [part for part in parts if part != {"type": "null"}]
    if len(others) < len(parts) and len(others) == 1 and isinstance(others[0].get("type"), str):
        return {**others[0], "type": [others[0]["type"], "null"]}
    return {"anyOf": parts}
