"""The status of a success is what the method declares, and nothing but what it declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from eco2.chat.v1 import chat_service_pb2
from eco2.scan.v1 import scan_service_pb2
from eco2.users.v1 import users_service_pb2
from google.protobuf import empty_pb2

from services.runtime import reply
from services.runtime.interceptors.layers import Layers
from services.runtime.routes import Route, route_for, routes
from tests.contract.calls import CALLS

Behaviour = Callable[[Any, Any], Awaitable[Any]]

SERVICES = {
    service.name: service.full_name
    for module in (chat_service_pb2, scan_service_pb2, users_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}
CREATE = f"/{SERVICES['ChatService']}/CreateChat"
RESULT = f"/{SERVICES['ScanService']}/GetScanResultDocument"
PROFILE = f"/{SERVICES['UsersService']}/GetMe"

SUCCESSES = [
    (call.status, route)
    for call in CALLS
    if call.status < 400 and (route := route_for(call.verb, call.path.partition("?")[0]))
]
"""What the contract wants of calls that a method answers."""


class Context:
    """What a call sends before its response."""

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, str], ...]] = []

    async def send_initial_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self.sent.append(metadata)


async def served(path: str, behaviour: Behaviour) -> list[tuple[tuple[str, str], ...]]:
    """What a method with that behaviour sends."""
    handler: Any = Layers(()).wrap(path, grpc.unary_unary_rpc_method_handler(behaviour))
    context = Context()
    await handler.unary_unary(chat_service_pb2.CreateChatRequest(), context)
    return context.sent


async def answers(request: Any, context: Any) -> Any:
    return empty_pb2.Empty()


async def test_the_declared_status_is_sent_without_a_word_of_the_servicer() -> None:
    assert await served(CREATE, answers) == [(("x-http-status", "201"),)]


async def test_200_needs_no_header() -> None:
    assert await served(PROFILE, answers) == []
    assert await served(RESULT, answers) == []


async def test_a_servicer_may_choose_another_declared_status() -> None:
    async def pending(request: Any, context: Any) -> Any:
        reply.other_status(202)
        reply.header("Retry-After", "2")
        return empty_pb2.Empty()

    assert await served(RESULT, pending) == [(("retry-after", "2"), ("x-http-status", "202"))]


@pytest.mark.parametrize("path", [CREATE, PROFILE])
async def test_a_servicer_cannot_send_what_is_not_declared(path: str) -> None:
    async def inventive(request: Any, context: Any) -> Any:
        reply.other_status(202)
        return empty_pb2.Empty()

    with pytest.raises(RuntimeError, match="does not declare 202"):
        await served(path, inventive)


async def test_a_call_that_fails_sends_no_status_of_a_success() -> None:
    async def failing(request: Any, context: Any) -> Any:
        raise KeyError

    with pytest.raises(KeyError):
        await served(CREATE, failing)


def test_nothing_can_be_set_outside_a_call() -> None:
    with pytest.raises(RuntimeError, match="while a call is served"):
        reply.header("x", "y")


def test_who_returns_nothing_says_so_in_the_status() -> None:
    empty = [
        route
        for route in routes()
        if route.http_method and route.rpc.endswith(("/DeleteMe", "/DeleteChat", "/CancelScan"))
    ]
    assert [route.success_status for route in empty] == [204] * 3


@pytest.mark.parametrize(
    ("status", "route"), SUCCESSES, ids=[route.method for _, route in SUCCESSES]
)
def test_every_success_of_the_contract_is_declared(status: int, route: Route) -> None:
    assert status in {route.success_status or 200, *route.other_statuses}
