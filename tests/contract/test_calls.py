"""Every row of the contract with the real services: status, fixed values, shape as in golden/."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.routes import routes
from tests import sample
from tests.contract import golden
from tests.contract.calls import CALLS, Call
from tests.contract.edge import ORIGIN
from tests.contract.statuses import assert_readable, reason_of
from tests.sample import Sample

pytestmark = pytest.mark.stack


@pytest.fixture
async def client(stack: EphemeralStack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers={"origin": ORIGIN}, timeout=20
    ) as opened:
        yield opened


def filled(value: Any, sampled: Sample) -> Any:
    """A value with the braces in its texts replaced."""
    if isinstance(value, str):
        for name, known in asdict(sampled).items():
            value = value.replace("{" + name + "}", str(known))
        return value
    if isinstance(value, dict):
        return {name: filled(member, sampled) for name, member in value.items()}
    return value


def credentials(call: Call, sampled: Sample, stack: EphemeralStack) -> dict[str, str]:
    """Headers that say who asks."""
    if call.user == "owner":
        return sampled.session.bearer
    if call.user == "nobody":
        return {}
    session = sample.sign_in(stack, f"contract-{call.user}")
    return session.bearer if call.user == "leaver" else {"cookie": session.refresh_cookie}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_call_answers_as_the_contract_says(
    call: Call,
    client: httpx.AsyncClient,
    stack: EphemeralStack,
    sampled: Sample,
    update_golden: bool,
) -> None:
    if call.path.startswith("/api/v1/locations"):
        sample.needs_places(sampled)
    answer = await client.request(
        call.verb,
        filled(call.path, sampled),
        json=filled(call.body, sampled),
        headers=credentials(call, sampled, stack),
    )
    assert answer.status_code == call.status, answer.text
    assert_readable(answer)
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        assert body | filled(call.fixed, sampled) == body
    document = {
        "status": answer.status_code,
        "content_type": answer.headers.get("content-type"),
        "headers": [name for name in call.headers if name in answer.headers],
        "body": golden.shape(body),
    }
    if call.status >= 400:
        document["reason"] = reason_of(answer.json())
        document["body"] = "google.rpc.Status"
    golden.compare(call.name, document, update=update_golden)


def test_every_http_method_has_a_call() -> None:
    asked = [(call.verb, call.path.partition("?")[0]) for call in CALLS]
    called = {
        route.rpc
        for route in routes()
        if route.path is not None
        and any(
            verb == route.http_method and route.path.regex.fullmatch(path) for verb, path in asked
        )
    }
    assert {route.rpc for route in routes() if route.path is not None} == called


def test_every_golden_file_belongs_to_a_call() -> None:
    names = {path.stem for path in golden.FOLDER.glob("*.json")}
    assert names == {call.name for call in CALLS}


def test_shapes_show_what_elements_lack() -> None:
    found = golden.shape([{"a": 1, "b": None}, {"a": 1.5, "b": "x", "c": []}])
    assert found == [{"a": "integer | number", "b": "None | string", "c?": []}]


def test_shape_may_lack_only_what_is_optional() -> None:
    kept = {"id": "uuid", "title?": "string", "rows": [{"a": "integer | null"}]}
    assert golden.fits({"id": "uuid", "rows": []}, kept)
    assert golden.fits({"id": "uuid", "title": "string", "rows": [{"a": "null"}]}, kept)
    assert not golden.fits({"rows": []}, kept)
    assert not golden.fits({"id": "uuid", "rows": [], "new": "string"}, kept)
    assert not golden.fits({"id": "integer", "rows": []}, kept)
    assert not golden.fits({"id": "uuid", "rows": [{"a": "string"}]}, kept)
    assert not golden.fits({"id": "uuid", "rows": None}, kept)
