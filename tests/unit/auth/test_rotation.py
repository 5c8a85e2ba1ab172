from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.auth.keyring import Keyring, NotDueError, RotatedElsewhereError
from services.auth.keys import KeyFileError
from services.auth.rotation import KeyState, Pace, State, Step, listed, next_step
from services.auth.settings import AuthSettings
from tests.unit.auth.doubles import Clock, Generated, MemoryKeys, signing_key

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PACE = Pace(publish=timedelta(minutes=10), token_life=timedelta(days=30))


def key(kid: str, state: State, age: timedelta = timedelta()) -> KeyState:
    retired_at = NOW - age if state is State.RETIRED else None
    return KeyState(kid=kid, state=state, created_at=NOW - age, retired_at=retired_at)


def test_steps_follow_each_other() -> None:
    active = key("a", State.ACTIVE, timedelta(days=99))
    assert next_step([active], NOW, PACE).step is Step.PUBLISH
    due = next_step([active, key("n", State.NEXT)], NOW, PACE)
    assert (due.step, due.kid, due.at) == (Step.PROMOTE, "n", NOW + PACE.publish)
    due = next_step([active, key("r", State.RETIRED, timedelta(days=1))], NOW, PACE)
    assert (due.step, due.kid, due.at) == (Step.WITHDRAW, "r", NOW + timedelta(days=29))


def test_a_rotation_under_way_goes_before_what_is_left_of_the_last() -> None:
    keys = [key("a", State.ACTIVE), key("n", State.NEXT), key("r", State.RETIRED)]
    assert next_step(keys, NOW, PACE).kid == "n"
    retired = [key("r2", State.RETIRED), key("r1", State.RETIRED, timedelta(days=2))]
    assert next_step([keys[0], *retired], NOW, PACE).kid == "r1"


def test_the_key_that_signs_is_listed_first() -> None:
    keys = [key("r", State.RETIRED), key("n", State.NEXT), key("a", State.ACTIVE)]
    assert [found.kid for found in listed(keys)] == ["a", "n", "r"]


async def test_nothing_is_withdrawn_before_its_last_token_has_ended() -> None:
    clock, store = Clock(), MemoryKeys()
    settings = AuthSettings()
    ring = Keyring(settings, store, clock=clock, generate=Generated())
    await ring.rotate(force=False)
    with pytest.raises(NotDueError):
        await ring.rotate(force=False)
    clock.forward(settings.key_publish_seconds)
    await ring.rotate(force=False)
    clock.forward(settings.refresh_token_minutes * 60 + 5)
    with pytest.raises(NotDueError):
        await ring.rotate(force=False)
    clock.forward(60)
    states = await ring.rotate(force=False)
    assert [(found.kid, found.state) for found in states] == [(signing_key(1).kid, "active")]


async def test_a_pair_is_signed_again_with_its_own_key_while_that_is_published() -> None:
    store = MemoryKeys()
    ring = Keyring(AuthSettings(), store, clock=Clock(), generate=Generated())
    first = await ring.active()
    await ring.rotate(force=True)
    await ring.rotate(force=True)
    assert (await ring.active()).kid != first.kid
    assert (await ring.named(first.kid)).kid == first.kid
    await ring.rotate(force=True)
    assert (await ring.named(first.kid)).kid == (await ring.active()).kid


def _file(path: Path, *numbers: int) -> Path:
    path.write_text("".join(signing_key(number).private_pem for number in numbers))
    return path


async def test_keys_of_a_file_follow_the_file(tmp_path: Path) -> None:
    path = _file(tmp_path / "keys.pem", 0)
    ring = Keyring(AuthSettings(signing_key_file=path), MemoryKeys())
    assert [found.kid for found in await ring.all()] == [signing_key(0).kid]
    _file(path, 1, 0)
    await ring.reload()
    assert (await ring.active()).kid == signing_key(1).kid
    assert set(await ring.public()) == {signing_key(0).kid, signing_key(1).kid}
    with pytest.raises(RotatedElsewhereError):
        await ring.rotate(force=True)


async def test_a_file_without_keys_is_refused(tmp_path: Path) -> None:
    for content in ("", "no keys here"):
        path = tmp_path / "keys.pem"
        path.write_text(content)
        with pytest.raises(KeyFileError, match="no PEM"):
            await Keyring(AuthSettings(signing_key_file=path), MemoryKeys()).all()
    with pytest.raises(KeyFileError, match="No such file"):
        await Keyring(AuthSettings(signing_key_file=tmp_path / "none"), MemoryKeys()).all()
