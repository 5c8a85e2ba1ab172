"""Keys are fetched once for many askers, not too often, and kept while the issuer is away."""

from __future__ import annotations

import asyncio

import pytest
from eco2.auth.v1.session_pb2 import Jwk

from edge.authz.keyring import Found, Keyring, keys_of
from services.runtime.signed_tokens import Keys
from tests.signing import Signer
from tests.wait import until

ONE, TWO = Signer("one"), Signer("two")


class Issuer:
    """Hands out keys, or fails."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.away = False
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Keys:
        self.asked += 1
        await self.gate.wait()
        if self.away:
            raise ConnectionError
        return keys_of(signer.jwk for signer in self.signers)


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def keyring(issuer: Issuer, clock: Clock) -> tuple[Keyring, list[Keys]]:
    replaced: list[Keys] = []
    made = Keyring(
        issuer.fetch,
        replaced.append,
        clock,
        refresh_seconds=0.01,
        retry_seconds=0.01,
        unknown_seconds=5,
    )
    return made, replaced


async def test_not_ready_before_the_first_keys() -> None:
    issuer = Issuer(ONE)
    issuer.away = True
    ring, replaced = keyring(issuer, Clock())
    running = asyncio.create_task(ring.run())
    try:
        await until(lambda: issuer.asked > 1, what="a second attempt")
        assert not ring.ready
        issuer.away = False
        await until(lambda: ring.ready, what="the keys")
        assert set(replaced[0]) == {"one"}
    finally:
        running.cancel()


async def test_keys_are_kept_while_the_issuer_is_away() -> None:
    issuer = Issuer(ONE)
    ring, _ = keyring(issuer, Clock())
    assert await ring.look_for("one") is Found.KNOWN
    running = asyncio.create_task(ring.run())
    try:
        issuer.away = True
        asked = issuer.asked
        await until(lambda: issuer.asked > asked + 1, what="failed refreshes")
        assert ring.ready
        assert await ring.look_for("one") is Found.KNOWN
    finally:
        running.cancel()


async def test_many_unknown_keys_cause_one_fetch() -> None:
    issuer = Issuer(ONE)
    ring, _ = keyring(issuer, Clock())
    issuer.gate.clear()
    waiting = [asyncio.create_task(ring.look_for(f"kid-{n}")) for n in range(50)]
    waiting.append(asyncio.create_task(ring.look_for("one")))
    await until(lambda: issuer.asked, what="the fetch")
    issuer.gate.set()
    found = await asyncio.gather(*waiting)
    assert found[:-1] == [Found.ABSENT] * 50
    assert found[-1] is Found.KNOWN
    assert issuer.asked == 1


async def test_unknown_key_is_looked_for_again_after_a_while_only() -> None:
    issuer, clock = Issuer(ONE), Clock()
    ring, _ = keyring(issuer, clock)
    assert await ring.look_for("two") is Found.ABSENT
    issuer.signers.append(TWO)
    clock.now += 4.9
    assert await ring.look_for("two") is Found.ABSENT
    assert issuer.asked == 1
    clock.now += 0.2
    assert await ring.look_for("two") is Found.KNOWN
    assert issuer.asked == 2


async def test_unknown_key_is_unknowable_while_the_issuer_is_away() -> None:
    issuer, clock = Issuer(ONE), Clock()
    ring, _ = keyring(issuer, clock)
    await ring.look_for("one")
    issuer.away = True
    clock.now += 6
    assert await ring.look_for("two") is Found.UNKNOWABLE
    assert await ring.look_for("two") is Found.UNKNOWABLE
    assert issuer.asked == 2


async def test_empty_key_set_replaces_nothing() -> None:
    issuer, clock = Issuer(ONE), Clock()
    ring, replaced = keyring(issuer, clock)
    await ring.look_for("one")
    issuer.signers.clear()
    clock.now += 6
    assert await ring.look_for("two") is Found.UNKNOWABLE
    assert len(replaced) == 1


def test_usable_keys_are_read() -> None:
    keys = keys_of([ONE.jwk, TWO.jwk])
    assert {kid: key.public_numbers() for kid, key in keys.items()} == {
        signer.kid: signer.key.public_key().public_numbers() for signer in (ONE, TWO)
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"n": "!!!"},
        {"e": "AA"},
        {"n": ""},
        {"kid": ""},
    ],
)
def test_unsuitable_keys_are_left_out(changed: dict[str, str]) -> None:
    jwk = Jwk()
    jwk.CopyFrom(ONE.jwk)
    for name, value in changed.items():
        setattr(jwk, name, value)
    assert set(keys_of([jwk, TWO.jwk])) == {"two"}


def test_small_keys_are_left_out() -> None:
    assert not keys_of([Signer("small", bits=1024).jwk])
