"""JSON schemas made fit for servers that hold a model to one. Pure.

Servers that constrain replies take a part of JSON schema only: every object closed, every property
required, no defaults, `anyOf` as the only choice. References are to the root of a schema, so a
schema that becomes part of another takes its definitions along under names of its own.
"""

from collections.abc import Mapping
from typing import Any

_DROPPED = frozenset({"title", "default", "discriminator", "examples", "$schema"})
_BY_NAME = frozenset({"properties", "$defs"})
_NULL: Mapping[str, Any] = {"type": "null"}


def strict(schema: Any) -> Any:
    """The schema with closed objects, all of their properties required, and no defaults."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]} | _kept_definitions(schema)
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED:
            continue
        if key in _BY_NAME:
            made[key] = {name: strict(each) for name, each in value.items()}
        elif key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
            made["anyOf" if key == "oneOf" else key] = [strict(each) for each in value]
        else:
            made[key] = strict(value) if key in {"items", "additionalProperties"} else value
    if "properties" in made:
        made |= {
            "type": "object",
            "required": list(made["properties"]),
            "additionalProperties": False,
        }
    return made


def _kept_definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"$defs": strict({"$defs": schema["$defs"]})["$defs"]} if "$defs" in schema else {}


def strict_arguments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The strict schema of a tool's arguments; those that may be left out may be null instead."""
    required = schema.get("required", ())
    made: dict[str, Any] = strict({"properties": {}, **schema})
    made["properties"] = {
        name: each if name in required or accepts_null(each) else {"anyOf": [each, _NULL]}
        for name, each in made["properties"].items()
    }
    return made


def without_nulls(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments less those that may be left out, are null, and may not be null."""
    if None not in arguments.values():
        return arguments
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: value
        for name, value in arguments.items()
        if value is not None or name in required or accepts_null(properties.get(name, {}))
    }


def accepts_null(schema: Mapping[str, Any]) -> bool:
    """Whether null is allowed, as far as the schema says without its references."""
    kind = schema.get("type")
    if kind is not None:
        return kind == "null" or (isinstance(kind, list) and "null" in kind)
    if "anyOf" in schema:
        return any(accepts_null(each) for each in schema["anyOf"])
    return not {"$ref", "enum", "const", "oneOf", "allOf"} & set(schema)


def as_part(schema: Mapping[str, Any], owner: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema for use inside another, and its definitions, named after their owner."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    body = {key: value for key, value in schema.items() if key not in {"$defs", "definitions"}}
    renamed = {f"{owner}_{name}": _renamed(each, owner) for name, each in definitions.items()}
    return _renamed(body, owner), renamed


def _renamed(value: Any, owner: str) -> Any:
    if isinstance(value, list):
        return [_renamed(each, owner) for each in value]
    if not isinstance(value, Mapping):
        return value
    made = {key: _renamed(each, owner) for key, each in value.items()}
    reference = made.get("$ref")
    if isinstance(reference, str):
        for root in ("#/$defs/", "#/definitions/"):
            if reference.startswith(root):
                made["$ref"] = f"#/$defs/{owner}_{reference.removeprefix(root)}"
    return made
