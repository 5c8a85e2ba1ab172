"""What is remembered of a sign-in while the user is at the provider.

The state is known to whoever sees the redirect, so it proves nothing alone: it must come back from
the browser that started, which a cookie with a nonce shows (RFC 9700, 4.7). Every sign-in has a
cookie of its own, named after its state, so that several tabs don't overwrite each other's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from redis.asyncio import Redis

KEY: Final = "oauth:state:"

COOKIE: Final = "s_login_"
"""Start of the name of every cookie made here."""

COOKIE_PATH: Final = "/api/v1/auth"

MAX_PENDING: Final = 8
"""Sign-ins that one browser may have under way; their cookies go with every request to the auth
domain."""

STATE_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes, base64url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginState:
    """A sign-in under way."""

    provider: str
    redirect_uri: str
    """Callback address; the token request repeats it."""
    code_verifier: str
    """PKCE secret."""
    nonce: str
    """What an id token must repeat."""
    device_id: str
    frontend_origin: str
    """Where the browser returns to; empty when it named none."""
    browser: str
    """Digest of the browser's nonce."""

    def started_by(self, nonces: Sequence[str]) -> bool:
        """Whether a browser that sent these cookie values is the one that started."""
        return len(nonces) == 1 and hmac.compare_digest(self.browser, digest(nonces[0]))


class LoginStates:
    """Keeps sign-ins in Redis until they come back, once. Methods raise what Redis raises."""

    def __init__(self, redis: Redis, seconds: int) -> None:
        self._redis = redis
        self._seconds = seconds

    async def put(self, state: str, login: LoginState) -> None:
        """Remember a sign-in."""
        await self._redis.set(KEY + state, json.dumps(asdict(login)), ex=self._seconds)

    async def take(self, state: str) -> LoginState | None:
        """The sign-in of a state, which is thereby used up; None when there is none."""
        if STATE_FORM.fullmatch(state) is None:
            return None
        found = await self._redis.getdel(KEY + state)
        return None if found is None else _read(found)


def digest(nonce: str) -> str:
    """What is kept of a browser's nonce."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def cookie_name(state: str) -> str:
    """Name of the cookie of a sign-in; it doesn't tell the state."""
    return COOKIE + hashlib.sha256(state.encode()).hexdigest()[:16]


def cookie(state: str, nonce: str, seconds: int) -> str:
    """The ``Set-Cookie`` value that binds a sign-in to the browser it is sent to."""
    return _cookie(cookie_name(state), nonce, seconds)


def cleared(name: str) -> str:
    """The ``Set-Cookie`` value that makes a browser forget a cookie made here."""
    return _cookie(name, "", 0)


def surplus(names: Sequence[str]) -> list[str]:
    """Cookies to clear before another one is set, of those a browser sent.

    Browsers send cookies of one path oldest first (RFC 6265, 5.4).
    """
    ours = [name for name in dict.fromkeys(names) if name.startswith(COOKIE)]
    return ours[: max(0, len(ours) - MAX_PENDING + 1)]


def _cookie(name: str, value: str, max_age: int) -> str:
    return f"{name}={value}; Max-Age={max_age}; Path={COOKIE_PATH}; Secure; HttpOnly; SameSite=Lax"


def _read(document: bytes | str) -> LoginState | None:
    """A stored sign-in; None for one in another version's shape."""
    try:
        return LoginState(**{key: str(value) for key, value in json.loads(document).items()})
    except (ValueError, TypeError, AttributeError):
        return None
