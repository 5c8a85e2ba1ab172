"""An OpenAPI 3.1 document in the words of 3.0, for the Swagger UI that is served here. Pure.

The package swagger-ui-bundle carries Swagger UI 4, which renders 3.0 only. The published documents
stay 3.1; this is a rendering of them. Only what the generator uses is translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

_DATA: Final = frozenset({"example", "examples", "default", "enum", "value"})
"""Members that hold data and no schema."""


def as_30(document: Mapping[str, Any]) -> Json:
    """The same document for readers of OpenAPI 3.0.3."""
    made: Json = _walk(dict(document))
    made["openapi"] = "3.0.3"
    made["info"].get("license", {}).pop("identifier", None)
    return made


def _walk(value: Any) -> Any:
    if isinstance(value, list):
        return [_walk(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {key: item if key in _DATA else _walk(item) for key, item in value.items()}
    # `properties` maps names to schemas, and a name may be one of the words below.
    return named if _is_a_map_of_names(named) else _schema(named)


def _is_a_map_of_names(value: Json) -> bool:
    return bool(value) and all(isinstance(item, dict) for item in value.values())


def _schema(value: Json) -> Json:
    value = _nullable(value)
    if "const" in value:
        value["enum"] = [value.pop("const")]
    for end in ("Minimum", "Maximum"):
        bound = value.get(f"exclusive{end}")
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            value[end.lower()] = bound
            value[f"exclusive{end}"] = True
    if value.pop("contentEncoding", None) == "base64":
        value["format"] = "byte"
    if "$ref" in value and len(value) > 1:
        value["allOf"] = [{"$ref": value.pop("$ref")}]
    return value


def _nullable(value: Json) -> Json:
    kind = value.get("type")
    if kind == "null":
        return {**{k: v for k, v in value.items() if k != "type"}, "nullable": True, "enum": [None]}
    if isinstance(kind, list) and "null" in kind:
        (other,) = (name for name in kind if name != "null")
        return {**value, "type": other, "nullable": True}
    for word in ("oneOf", "anyOf"):
        choices = value.get(word)
        if isinstance(choices, list) and any(_was_null(choice) for choice in choices):
            left = [choice for choice in choices if not _was_null(choice)]
            rest = {k: v for k, v in value.items() if k != word}
            return {**rest, "nullable": True, ("allOf" if len(left) == 1 else word): left}
    return value


def _was_null(choice: Any) -> bool:
    return bool(choice == {"nullable": True, "enum": [None]})
