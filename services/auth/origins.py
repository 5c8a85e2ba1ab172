"""Where a browser may be sent. Pure.

Both answers are members of an allow-list or nothing: an address that was asked for is compared as a
whole and never taken apart, so there is no parser to disagree with the browser's (RFC 9700, 4.1.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PROVIDER_FIELD: Final = "{provider}"
"""Stands for the provider's name in a listed callback address."""


def allowed_origin(asked: str, allowed: Sequence[str]) -> str | None:
    """The listed origin (``scheme://host[:port]``) that `asked` names; None when it names none.

    Schemes and hosts don't differ by case, and one ``/`` at the end is the same origin; nothing
    else is forgiven.
    """
    if not asked.isascii():  # lower() turns the Kelvin sign into a k
        return None
    wanted = asked.lower().removesuffix("/")
    return next((origin for origin in allowed if origin.lower() == wanted), None)


def allowed_redirect(asked: str, provider: str, allowed: Sequence[str]) -> str | None:
    """The listed callback address of `provider` that `asked` is, character by character."""
    return next((uri for uri in redirects(provider, allowed) if uri == asked), None)


def redirects(provider: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The callback addresses of a provider."""
    return tuple(uri.replace(PROVIDER_FIELD, provider) for uri in allowed)


def home(origin: str) -> str:
    """Where the app goes on after a sign-in; its router reads what follows the hash."""
    return f"{origin}/#/home"


def login_page(origin: str, error: str) -> str:
    """The app's login page after a failed sign-in; `error` is one of our own short codes."""
    return f"{origin}/#/login?error={error}"
