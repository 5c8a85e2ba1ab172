"""What the edge answers is what the OpenAPI document promises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from jsonschema import Draft202012Validator, FormatChecker

from services.runtime.routes import DESCRIPTOR
from tests.contract.cases import HTTP_RULES, HttpRule
from tests.contract.edge import Edge

DOCUMENT = json.loads((DESCRIPTOR.parents[1] / "openapi" / "eco2.json").read_text())
JSON_RULES = [
    rule for rule in HTTP_RULES if rule.route.method not in {"GetScanResultDocument", "Refresh"}
]
"""The document of a scan and the null of a refresh are no messages; they are tested where they are
made."""


def filled(message: Message) -> None:
    """Set every field of a message, two entries in every repeated one."""
    if isinstance(message, Timestamp):
        message.FromSeconds(1_800_000_000)
        return
    if isinstance(message, Struct):
        message.update({"key": ["value", 1, None, {"nested": True}]})
        return
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)["Content-Type"] = "image/png"
        elif field.is_repeated:
            for _ in range(2):
                entries = getattr(message, field.name)
                if field.message_type is None:
                    entries.append(_value(field))
                else:
                    filled(entries.add())
        elif field.message_type is not None:
            filled(getattr(message, field.name))
        else:
            setattr(message, field.name, _value(field))


def _value(field: Any) -> Any:
    kinds: dict[int, Any] = {
        FieldDescriptor.CPPTYPE_STRING: "가나다",
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
    }
    return kinds.get(field.cpp_type, 7)


@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
@pytest.mark.parametrize("rule", JSON_RULES, ids=str)
async def test_answer_conforms(edge: Edge, rule: HttpRule, full: bool) -> None:
    template = rule.route.template
    assert template is not None
    operation = DOCUMENT["paths"][template][rule.verb.lower()]
    status, described = next(iter(operation["responses"].items()))
    content = described.get("content", {}).get("application/json")

    async def answer(request: Any, context: Any) -> Any:
        response = edge.services.response_of(rule.route.rpc)
        if full:
            filled(response)
        if status != "200":
            await context.send_initial_metadata((("x-http-status", status),))
        return response

    edge.services.behaviours[rule.route.rpc] = answer
    got = await edge.client.request(
        rule.verb, rule.path, content=rule.body, headers=edge.signed_in()
    )
    assert got.status_code == int(status)
    if content is None:
        assert got.content == b""
        return
    validator = Draft202012Validator(
        {**content["schema"], "components": DOCUMENT["components"]},
        format_checker=FormatChecker(),
    )
    validator.validate(got.json())
    if full and isinstance(got.json(), dict):
        described_members = set(_properties(content["schema"]))
        assert set(got.json()) == described_members


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = schema["properties"]
    return properties
