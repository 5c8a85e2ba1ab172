"""Keeps the signing keys current: fetched at the start, in the background, and when one is missing.

Keys that were fetched once stay in use while the auth service is away.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from eco2.auth.v1 import session_pb2

from services.runtime import logs
from services.runtime.signed_tokens import ALGORITHM, Keys

log = logs.get(__name__)

MIN_KEY_BITS: Final = 2048
"""RFC 7518 §3.3."""

Fetch = Callable[[], Awaitable[Keys]]
"""Fetches the keys; raises when they can't be had."""


class Found(Enum):
    """How looking for an unknown key ended."""

    KNOWN = "known"
    ABSENT = "absent"
    """The issuer does not have it."""
    UNKNOWABLE = "unknowable"
    """The issuer could not be asked."""


class Keyring:
    """Fetches the keys and hands every new set to `replace`."""

    def __init__(
        self,
        fetch: Fetch,
        replace: Callable[[Keys], None],
        clock: Callable[[], float],
        *,
        refresh_seconds: float,
        retry_seconds: float,
        unknown_seconds: float,
    ) -> None:
        self._fetch = fetch
        self._replace = replace
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._retry_seconds = retry_seconds
        self._unknown_seconds = unknown_seconds
        self._keys: Keys = {}
        self._fetching: asyncio.Task[bool] | None = None
        self._last_attempt = float("-inf")
        self._last_worked = False

    @property
    def ready(self) -> bool:
        """Whether there are keys to verify with."""
        return bool(self._keys)

    async def run(self) -> None:
        """Fetch for ever."""
        while True:
            worked = await self._refresh()
            await asyncio.sleep(self._refresh_seconds if worked else self._retry_seconds)

    async def look_for(self, kid: str) -> Found:
        """Ask the issuer for a key that a token names, unless it was asked just now."""
        if kid in self._keys:
            return Found.KNOWN
        asked_just_now = self._clock() - self._last_attempt < self._unknown_seconds
        if self._fetching is not None or not asked_just_now:
            await self._refresh()
        if kid in self._keys:
            return Found.KNOWN
        return Found.ABSENT if self._last_worked else Found.UNKNOWABLE

    async def _refresh(self) -> bool:
        """Fetch once, however many ask at the same time."""
        if self._fetching is None:
            self._last_attempt = self._clock()
            self._fetching = asyncio.create_task(self._fetch_keys())
            self._fetching.add_done_callback(self._fetched)
        return await asyncio.shield(self._fetching)

    def _fetched(self, _: asyncio.Task[bool]) -> None:
        self._fetching = None

    async def _fetch_keys(self) -> bool:
        try:
            keys = await self._fetch()
        except Exception as error:
            log.warning("could not fetch the signing keys", error=type(error).__name__)
            self._last_worked = False
            return False
        if not keys:
            log.warning("the issuer has no signing keys")
            self._last_worked = False
            return False
        if keys.keys() != self._keys.keys():
            log.info("signing keys changed", key_ids=sorted(keys))
        self._keys = keys
        self._replace(keys)
        self._last_worked = True
        return True


def keys_of(document: Iterable[session_pb2.Jwk]) -> Mapping[str, RSAPublicKey]:
    """Usable keys of a JWK set by key id; what is unsuitable is left out and logged."""
    keys: dict[str, RSAPublicKey] = {}
    for jwk in document:
        if jwk.kty != "RSA" or jwk.use not in ("", "sig") or jwk.alg not in ("", ALGORITHM):
            continue
        try:
            key = RSAPublicNumbers(_number(jwk.e), _number(jwk.n)).public_key()
        except (ValueError, binascii.Error):
            log.warning("a signing key can't be read", key_id=jwk.kid)
            continue
        if jwk.kid and key.key_size >= MIN_KEY_BITS:
            keys[jwk.kid] = key
        else:
            log.warning("a signing key is too small or has no id", key_id=jwk.kid)
    return keys


def _number(text: str) -> int:
    """Base64urlUInt (RFC 7518 §2)."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
