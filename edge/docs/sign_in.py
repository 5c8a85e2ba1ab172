"""The playground's sign-in: a real session of a local account, without a password.

Exists outside production only, and is for this machine and its own network. A page of another site
can't use it: the request has to be JSON and to come from a page of this very host, and the host has
to be localhost or a private address, not a name that somebody may have pointed here (DNS
rebinding).
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz.credentials import COOKIE_NAME as ACCESS
from services.runtime.errors import DomainError
from services.runtime.local_session import Issued

REFRESH: Final = "s_refresh"
CLIENT_ADDRESS: Final = "x-eco2-client-address"
"""Set by the edge on every request."""

MAX_BODY_BYTES: Final = 2048
MAX_NAME: Final = 40

Issue = Callable[[str], Awaitable[Issued]]
"""Makes a session of the local account of a name."""


async def sign_in(
    headers: Mapping[str, str], body: bytes, issue: Issue
) -> tuple[dict[str, str], list[str]]:
    """The answer and the two ``Set-Cookie`` values; DomainError when the request is refused."""
    check_origin(headers)
    name = name_in(headers.get("content-type", ""), body)
    issued = await issue(name)
    now = time.time()
    cookies = [
        _cookie(ACCESS, issued.access_token, issued.access_expires_at - now),
        _cookie(REFRESH, issued.refresh_token, issued.refresh_expires_at - now),
    ]
    return {"user_id": issued.user_id, "name": name}, cookies


def check_origin(headers: Mapping[str, str]) -> None:
    """DomainError unless the request comes from a page of this host, from nearby.

    Browsers send Origin with every POST; who sends none is no page. The edge says whom the request
    comes from, and overwrites what a client says about it.
    """
    host = headers.get("host", "")
    own = f"{headers.get('x-forwarded-proto', 'http')}://{host}"
    near = _is_private(headers.get(CLIENT_ADDRESS, "")) and _is_local(host)
    if headers.get("origin") != own or not near:
        raise DomainError(
            ErrorReason.ERROR_REASON_ORIGIN_NOT_ALLOWED,
            "the playground's sign-in is for its own page on this machine",
        )


def name_in(content_type: str, body: bytes) -> str:
    """The name of the account in a JSON body; DomainError when it has none."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise DomainError(ErrorReason.ERROR_REASON_MALFORMED_REQUEST, "the body has to be JSON")
    try:
        document = json.loads(body)
        name = document["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DomainError(
            ErrorReason.ERROR_REASON_MALFORMED_REQUEST, 'the body has to be {"name": "…"}'
        ) from None
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise DomainError(
            ErrorReason.ERROR_REASON_VALIDATION_FAILED,
            "the name of a local account is not acceptable",
            violations=[("name", f"1 to {MAX_NAME} printable characters")],
        )
    return str(name)


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or name.endswith(".localhost") or _is_private(name)


def _is_private(address: str) -> bool:
    """Whether it is an address of this machine or of a private network."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def _cookie(name: str, value: str, max_age: float) -> str:
    """As the auth service sets it (docs/app.md, "Signing in")."""
    return f"{name}={value}; Max-Age={max(1, int(max_age))}; Path=/; Secure; HttpOnly; SameSite=Lax"
