"""Circuit breaker: when a server that keeps failing is left alone, and when it is tried again.

Pure: time comes in as an argument, nothing is awaited.

closed ──(enough failures among the latest calls)──► open ──(pause over)──► half-open
half-open ──(a probe succeeds)──► closed      half-open ──(it fails)──► open, twice the pause
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PROBE_POLL_SECONDS: Final = 0.5
"""How long to wait for the outcome of somebody else's probe before asking again."""


class State(StrEnum):
    """What the breaker does with a call."""

    CLOSED = "closed"
    """Lets it through."""
    OPEN = "open"
    """Holds it off."""
    HALF_OPEN = "half_open"
    """Lets one through at a time, to see."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; its outcome is reported with it."""

    generation: int
    """Which stretch between two changes of state it belongs to."""


class Breaker:
    """Counts outcomes of the latest `window` calls; opens at `failures` among them.

    Outcomes of calls that began before the latest change of state are ignored: a wave of late
    time-outs must not open again what a probe has just found well.
    """

    def __init__(
        self, *, window: int, failures: int, open_seconds: float, open_max_seconds: float
    ) -> None:
        if not 1 <= failures <= window:
            raise ValueError("failures must be between 1 and window")
        self._failures = failures
        self._open_seconds = open_seconds
        self._open_max_seconds = max(open_seconds, open_max_seconds)
        self._outcomes: deque[bool] = deque(maxlen=window)
        self._state = State.CLOSED
        self._generation = 0
        self._pause = open_seconds
        self._reopens_at = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """The state after the latest call of a method."""
        return self._state

    def held(self, now: float) -> float:
        """Seconds until asking to make a call makes sense; 0 when it does now."""
        if self._state is State.OPEN:
            return max(0.0, self._reopens_at - now)
        return PROBE_POLL_SECONDS if self._probing else 0.0

    def enter(self, now: float) -> Permit | None:
        """Ask to make a call; None when it is held off. Every :class:`Permit` must be reported
        once, with :meth:`succeeded`, :meth:`failed` or :meth:`abandoned`.
        """
        if self.held(now) > 0:
            return None
        if self._state is State.OPEN:
            self._change(State.HALF_OPEN)
        self._probing = self._state is State.HALF_OPEN
        return Permit(self._generation)

    def succeeded(self, permit: Permit) -> None:
        """The server answered."""
        if permit.generation != self._generation:
            return
        if self._state is State.HALF_OPEN:
            self._pause = self._open_seconds
            self._change(State.CLOSED)
        else:
            self._outcomes.append(True)

    def failed(self, permit: Permit, now: float) -> None:
        """The server did not answer, or with an error of its own."""
        if permit.generation != self._generation:
            return
        if self._state is State.HALF_OPEN:
            self._pause = min(self._pause * 2, self._open_max_seconds)
            self._open(now)
            return
        self._outcomes.append(False)
        if self._outcomes.count(False) >= self._failures:
            self._open(now)

    def abandoned(self, permit: Permit) -> None:
        """The call was given up by the caller: nothing was learnt."""
        if permit.generation == self._generation:
            self._probing = False

    def _open(self, now: float) -> None:
        self._reopens_at = now + self._pause
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._outcomes.clear()
        self._probing = False
