"""Envoy's gRPC ext_authz wire, ``envoy.service.auth.v3.Authorization/Check``."""

from __future__ import annotations

from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2 as pb
from envoy.service.auth.v3 import external_auth_pb2_grpc
from envoy.type.v3 import http_status_pb2
from google.rpc import code_pb2, status_pb2

from edge.authz.answer import Answer, answer
from edge.authz.authorizer import Authorizer
from edge.authz.decision import NeedKey, Request, speaks_grpc
from services.runtime.errors import meaning_of

OVERWRITE = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]
    """Servicer of the wire."""

    def __init__(self, authorizer: Authorizer, origins: frozenset[str]) -> None:
        self._authorizer = authorizer
        self._origins = origins

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:  # noqa: N802
        """Decide on the request that is described."""
        asked = request_of(request)
        decision = self._authorizer.decide_at_once(asked)
        if isinstance(decision, NeedKey):
            decision = await self._authorizer.decide(asked)
        made = answer(decision, asked, self._origins)
        if made.status == 200:
            return _allowed(made)
        return _refused(made, int(meaning_of(decision.reason).code.value[0]))  # type: ignore[union-attr]


def request_of(check: pb.CheckRequest) -> Request:
    """The request a check asks about."""
    http = check.attributes.request.http
    headers = http.headers
    return Request(
        method=http.method,
        path=http.path.partition("?")[0],
        authorization=headers.get("authorization"),
        cookie=headers.get("cookie"),
        origin=headers.get("origin"),
        grpc=speaks_grpc(headers.get("content-type", "")),
        request_id=headers.get("x-request-id", ""),
    )


def _headers(made: Answer) -> list[base_pb2.HeaderValueOption]:
    return [
        base_pb2.HeaderValueOption(
            header=base_pb2.HeaderValue(key=name, value=value), append_action=OVERWRITE
        )
        for name, value in made.headers
    ]


def _allowed(made: Answer) -> pb.CheckResponse:
    return pb.CheckResponse(
        status=status_pb2.Status(code=code_pb2.OK),
        ok_response=pb.OkHttpResponse(headers=_headers(made), headers_to_remove=list(made.removed)),
    )


def _refused(made: Answer, code: int) -> pb.CheckResponse:
    return pb.CheckResponse(
        status=status_pb2.Status(code=code),
        denied_response=pb.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=made.status),
            headers=_headers(made),
            body=made.body.decode(),
        ),
    )
