"""What a call brings along beside its message: credentials, and who brings them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.auth import cookies

MAX_ADDRESS: Final = 64
MAX_USER_AGENT: Final = 512
MAX_TOKENS: Final = 4
"""Different tokens of one request that are looked at."""

CLIENT_ADDRESS: Final = "x-eco2-client-address"
"""Set by the edge on every request; what clients send under the name is dropped there."""

_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever is at the other end, as far as the edge can tell; for records only."""

    address: str = ""
    user_agent: str = ""


class AmbiguousTokenError(Exception):
    """The request names different tokens in one place."""


class Headers:
    """Headers of a call: gRPC metadata by lower-case name."""

    def __init__(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in metadata:
            if isinstance(value, str):
                self._values.setdefault(name.lower(), []).append(value)

    def first(self, name: str) -> str:
        """The first value of a header; empty without one."""
        return self._values.get(name, [""])[0]

    def cookie(self, name: str) -> list[str]:
        """The different values of a cookie; HTTP/2 may send cookies in several fields."""
        return cookies.values("; ".join(self._values.get("cookie", [])), name)

    def cookie_names(self) -> list[str]:
        """The names of all cookies."""
        return cookies.names("; ".join(self._values.get("cookie", [])))

    def visitor(self) -> Visitor:
        """Address and user agent. The edge names the address that it believes; without it, it is
        what a proxy appended to x-forwarded-for, after whatever a client wrote into it.
        """
        address = self.first(CLIENT_ADDRESS)
        if not address:
            address = ",".join(self._values.get("x-forwarded-for", [])).rpartition(",")[2]
        return Visitor(address.strip()[:MAX_ADDRESS], self.first("user-agent")[:MAX_USER_AGENT])

    def refresh_token(self) -> str:
        """The refresh token: of the cookie, else of X-Refresh-Token, else of Authorization.

        Empty when there is none; AmbiguousTokenError when the cookie was sent with several values.
        """
        sent = self.cookie(cookies.REFRESH)
        if len(sent) > 1:
            raise AmbiguousTokenError(f"the cookie {cookies.REFRESH} was sent more than once")
        if sent:
            return sent[0]
        return _bearer(self.first("x-refresh-token")) or _bearer(self.first("authorization"))

    def any_tokens(self) -> list[str]:
        """Everything in the request that may be a token of a session."""
        found = [
            *self.cookie(cookies.REFRESH),
            *self.cookie(cookies.ACCESS),
            _bearer(self.first("x-refresh-token")),
            _bearer(self.first("authorization")),
        ]
        return [token for token in dict.fromkeys(found) if token][:MAX_TOKENS]


def _bearer(value: str) -> str:
    return value[len(_BEARER) :].strip(" ") if value[: len(_BEARER)].lower() == _BEARER else ""
