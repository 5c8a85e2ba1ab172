"""The cookies of a session: written for browsers, read from requests. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.auth.sessions import Issued

ACCESS: Final = "s_access"
REFRESH: Final = "s_refresh"


def session_cookies(issued: Issued, now: datetime, domain: str = "") -> list[str]:
    """The two ``Set-Cookie`` values of a pair of tokens; `domain` is left out when empty."""
    return [
        _cookie(ACCESS, issued.access_token, _seconds(issued.access_expires_at, now), domain),
        _cookie(REFRESH, issued.refresh_token, _seconds(issued.refresh_expires_at, now), domain),
    ]


def cleared_cookies(domain: str = "") -> list[str]:
    """The ``Set-Cookie`` values that make a browser forget both."""
    return [_cookie(name, "", 0, domain) for name in (ACCESS, REFRESH)]


def _seconds(end: datetime, now: datetime) -> int:
    return max(1, int(end.timestamp()) - int(now.timestamp()))


def _cookie(name: str, value: str, max_age: int, domain: str) -> str:
    parts = [f"{name}={value}", f"Max-Age={max_age}", "Path=/"]
    if domain:
        parts.append(f"Domain={domain}")
    parts.append("Secure")
    if value:
        parts.append("HttpOnly")
    parts.append("SameSite=Lax")
    return "; ".join(parts)


def values(header: str, name: str) -> list[str]:
    """The different values a ``Cookie`` header gives to a cookie of exactly this name, in order.

    More than one means that somebody else could set cookies for this host: which one is meant
    can't be told. Optional quotes are taken off (RFC 6265, 4.1.1); an empty value is no value.
    """
    found: list[str] = []
    for pair in header.split(";"):
        key, equals, value = pair.partition("=")
        if not equals or key.strip(" \t") != name:
            continue
        value = value.strip(" \t")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if value and value not in found:
            found.append(value)
    return found


def names(header: str) -> list[str]:
    """The names of the cookies in a ``Cookie`` header, in order."""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return [key.strip(" \t") for key, equals, _ in pairs if equals]
