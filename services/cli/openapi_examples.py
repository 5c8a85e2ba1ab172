"""Examples of the OpenAPI documents, from ``openapi_examples.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from services.cli.openapi_schemas import Json

EXAMPLES: Final = Path(__file__).with_name("openapi_examples.yaml")


@lru_cache(maxsize=1)
def examples() -> Mapping[str, Any]:
    """The whole file."""
    found: Mapping[str, Any] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return found


def metadata(keys: Iterable[str]) -> dict[str, str]:
    """ErrorInfo.metadata with those of these keys that have an example."""
    values: Mapping[str, str] = examples()["metadata"]
    return {key: values[key] for key in keys if key in values}


def attach(operation: Json, name: str) -> None:
    """Put the examples of the operation called `name` (``scan.SubmitScan``) where they belong.

    What has no example yet goes without: a test names it, and the document is not held up by it.
    """
    given: Mapping[str, Any] = examples()["operations"].get(name, {})
    values = {**examples()["parameters"], **given.get("parameters", {})}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in values:
            parameter["example"] = values[parameter["name"]]
    body = _json(operation.get("requestBody", {}))
    if body is not None and "request" in given:
        body["example"] = given["request"]
    answers: Mapping[str, Any] = given.get("responses", {})
    for status, response in operation["responses"].items():
        content = _json(response)
        if content is None or status >= "300":
            continue
        if status in answers:
            content["example"] = answers[status]
        elif "response" in given:
            content["example"] = given["response"]


def _json(part: Mapping[str, Any]) -> Json | None:
    found: Json | None = part.get("content", {}).get("application/json")
    return found
