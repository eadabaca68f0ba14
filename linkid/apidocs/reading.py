"""What a page shows of a schema: one row for each member, nested ones by their path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundation.errors import JsonObject


class Row(NamedTuple):
    """A member. ``about``: in English and Portuguese."""

    name: str
    kind: str
    required: bool
    about: tuple[str, str]


def resolved(schema: Any, schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, behind a reference."""
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = schemas[str(schema["$ref"]).rpartition("/")[2]]
    return schema if isinstance(schema, Mapping) else {}


def rows(schema: Any, schemas: Mapping[str, Any], above: str = "") -> Iterator[Row]:
    """Members in their order. An array is shown as its items, with ``[]``; alternatives one after the other."""
    schema = resolved(schema, schemas)
    for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from rows(one, schemas, above)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        inner = resolved(member, schemas)
        about = (str(inner.get("description", "")), str(inner.get("x-descricao", "")))
        path = f"{above}{name}"
        yield Row(path, kind_of(inner), name in required, about)
        yield from rows(inner, schemas, f"{path}.")
        if "items" in inner:
            yield from rows(inner["items"], schemas, f"{path}[].")


def kind_of(schema: Mapping[str, Any]) -> str:
    """``string``, ``integer 1-100``, ``"none" | "single"``: as short as it can be said."""
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " | ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"] if one is not None)
    kinds = schema.get("type", "object" if "properties" in schema else "any")
    kinds = [kinds] if isinstance(kinds, str) else [one for one in kinds if one != "null"]
    low = next((schema[name] for name in ("minimum", "minItems", "minLength") if name in schema), None)
    high = next((schema[name] for name in ("maximum", "maxItems", "maxLength") if name in schema), None)
    bounds = "" if high is None else f" {low or 0}-{high}"
    return " | ".join(kinds or ["null"]) + bounds


def curl(operation: JsonObject, method: str, url: str) -> str:
    """How a shell would call it."""
    op: Any = operation
    words = [f"curl -s {url}" if method == "get" else f"curl -s -X {method.upper()} {url}"]
    schemes = [name for one in op["security"] for name in one]
    if any(name.lower().endswith("bearer") for name in schemes):
        words.append('-H "Authorization: Bearer $TOKEN"')
    if "basic" in schemes:
        words.append('-u "$CLIENT_ID:$CLIENT_SECRET"')
    for media, content in list(op.get("requestBody", {}).get("content", {}).items())[:1]:
        example = content.get("example")
        if media == "application/json":
            words.append("-H 'Content-Type: application/json'")
            words.append(f"-d '{json.dumps(example if example is not None else {}, ensure_ascii=False)}'")
        elif isinstance(example, Mapping):
            words += [f"-d {name}={value}" for name, value in example.items()]
    asked = [one["name"] for one in op.get("parameters", ()) if one["in"] == "query" and one["required"]]
    if asked:
        words.append("-G")
        words += [f'--data-urlencode "{name}=${name.upper()}"' for name in asked]
    return " \\\n    ".join(words)
