"""Key rotation in steps, each safe for whoever verifies with a cached key set. Pure.

    active                  publish a next key
    active + next           promote the next key to sign, once every verifier can have fetched it
    active + retired        withdraw the retired key, once no token it signed can be valid

Keys of every state are published and verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a key stands."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


ORDER = (State.ACTIVE, State.NEXT, State.RETIRED)
"""How keys are listed: the one that signs first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """A key without its parts."""

    kid: str
    state: State
    created_at: datetime
    retired_at: datetime | None = None


class Step(StrEnum):
    """What a rotation does next."""

    PUBLISH = "publish"
    PROMOTE = "promote"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Due:
    """A step, the key it concerns, and since or from when it may be taken."""

    step: Step
    kid: str
    """Empty for a key that is yet to be made."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """How long steps have to wait."""

    publish: timedelta
    """A next key is published this long before it signs."""
    token_life: timedelta
    """The longest a token can be valid after it was signed, clock skew included."""


def next_step(keys: Sequence[KeyState], now: datetime, pace: Pace) -> Due:
    """The step that comes next, whether or not it is due at `now`.

    A rotation is brought to its end before another one begins. Of several retired keys the oldest
    goes first.
    """
    for key in keys:
        if key.state is State.NEXT:
            return Due(Step.PROMOTE, key.kid, key.created_at + pace.publish)
    retired = [(key.retired_at or now, key.kid) for key in keys if key.state is State.RETIRED]
    if retired:
        retired_at, kid = min(retired)
        return Due(Step.WITHDRAW, kid, retired_at + pace.token_life)
    return Due(Step.PUBLISH, "", now)


def listed(keys: Sequence[KeyState]) -> list[KeyState]:
    """Keys in the order they are published in."""
    return sorted(keys, key=lambda key: (ORDER.index(key.state), key.created_at))
