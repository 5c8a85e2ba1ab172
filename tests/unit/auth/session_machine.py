"""A state machine over everything that can happen to sessions, beside a model of what must happen.

The model is written from the promises alone: it knows which tokens were handed out, when each was
followed by the next pair, which sessions were ended and which keys withdrawn. It shares no code
with what it checks.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import jwt
import pytest
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.auth.keyring import Keyring, NotDueError
from services.auth.lifecycle import Sessions
from services.auth.logout import Logout
from services.auth.sessions import Issued
from services.auth.settings import AuthSettings
from services.auth.visitor import Visitor
from services.runtime.errors import DomainError
from services.runtime.outbox import Message
from tests.unit.auth.doubles import Clock

T = TypeVar("T")

GRACE = timedelta(seconds=30)
SKEW = timedelta(seconds=5)
ACCESS = timedelta(hours=3)
REFRESH = timedelta(days=30)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
PUBLISHED = timedelta(minutes=10)
UNHEARD = timedelta(minutes=1)
USERS = [str(uuid.UUID(int=number + 1)) for number in range(3)]

INVALID, MISMATCH = "TOKEN_INVALID", "TOKEN_TYPE_MISMATCH"
EXPIRED, REVOKED = "TOKEN_EXPIRED", "TOKEN_REVOKED"


@dataclass(frozen=True)
class Replica:
    """One process of the auth domain."""

    sessions: Sessions
    keyring: Keyring
    logout: Logout


class World(Protocol):
    """What is being checked: two replicas on one store."""

    clock: Clock
    published: list[Message]
    replicas: list[Replica]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""

    def reset(self, settings: AuthSettings) -> None:
        """Begin anew, with empty stores."""


@dataclass
class Token:
    """A token that was handed out."""

    text: str
    kind: str
    session: str
    number: int
    """The how-many-eth pair of its session it belongs to."""
    kid: str
    expires: datetime


@dataclass
class Session:
    """A session as the model sees it."""

    user: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    followed_at: list[datetime] = field(default_factory=list)
    """When each pair but the latest was followed by the next."""
    last_end: datetime = LONG_AGO
    ended: bool = False
    erased: bool = False


class SessionMachine(RuleBasedStateMachine):
    """Subclasses say on which world."""

    world: World
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.world.reset(AuthSettings())
        self.sessions: dict[str, Session] = {}
        self.tokens: list[Token] = []
        self.by_text: dict[str, Token] = {}
        self.withdrawn: set[str] = set()
        self.waiting: tuple[str, datetime] | None = None
        first = [key.kid for key in self.run(self.replica(0).keyring.states())]
        self.run(self.replica(1).keyring.states())
        assert len(first) == 1
        self.signing = first[0]
        self.retired: tuple[str, datetime] | None = None

    # -- what happens ----------------------------------------------------------------------------

    @rule(user=st.sampled_from(USERS), at=st.integers(0, 1))
    def sign_in(self, user: str, at: int) -> None:
        issued = self.run(
            self.replica(at).sessions.start_session(user, "kakao", "phone", "browser", "1.2.3.4")
        )
        assert issued.session_id not in self.sessions
        self.sessions[issued.session_id] = Session(user)
        self.handed_out(issued)

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 500), at=st.integers(0, 1))
    def refresh(self, which: int, at: int) -> None:
        token = self.pick(which)
        outcome = self.run(self.attempt(token.text, at))
        self.check_refreshes(token, [outcome])

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 50), times=st.integers(2, 6))
    def refresh_in_parallel(self, which: int, times: int) -> None:
        token = self.pick(which)

        async def together() -> list[Issued | str]:
            return await asyncio.gather(
                *(self.attempt(token.text, number % 2) for number in range(times))
            )

        self.check_refreshes(token, self.run(together()))

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 500), at=st.integers(0, 1))
    def log_out(self, which: int, at: int) -> None:
        token = self.pick(which)
        self.run(self.replica(at).logout.end([token.text], Visitor()))
        if token.kid not in self.withdrawn:
            self.sessions[token.session].ended = True

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 50), at=st.integers(0, 1))
    def log_out_beside_a_refresh(self, which: int, at: int) -> None:
        token = self.pick(which)
        logout = self.replica(1 - at).logout

        async def together() -> Issued | str:
            outcome, _ = await asyncio.gather(
                self.attempt(token.text, at), logout.end([token.text], Visitor())
            )
            return outcome

        outcome = self.run(together())
        if token.kid not in self.withdrawn:
            # Whichever came first: what the refresh handed out, if anything, is now void.
            if isinstance(outcome, Issued):
                self.check_refreshes(token, [outcome])
            self.sessions[token.session].ended = True

    @precondition(lambda self: self.tokens)
    @rule(which=st.integers(0, 500), at=st.integers(0, 1), change=st.integers(0, 300))
    def forge(self, which: int, at: int, change: int) -> None:
        head, payload, signature = self.pick(which).text.split(".")
        place = change % (len(signature) - 1)
        other = "A" if signature[place] != "A" else "B"
        forged = f"{head}.{payload}.{signature[:place]}{other}{signature[place + 1 :]}"
        assert self.run(self.attempt(forged, at)) == INVALID
        self.run(self.replica(at).logout.end([forged], Visitor()))

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 50), everything=st.booleans(), at=st.integers(0, 1))
    def revoke(self, which: int, everything: bool, at: int) -> None:
        session_id, session = self.pick_session(which)
        sessions = self.replica(at).sessions
        if everything:
            self.run(sessions.revoke(session.user, None, "test"))
            for other in self.sessions.values():
                other.ended |= other.user == session.user
            return
        if session.erased:
            with pytest.raises(DomainError, match="no such session"):
                self.run(sessions.revoke(session.user, session_id, "test"))
        else:
            self.run(sessions.revoke(session.user, session_id, "test"))
        session.ended = True

    @precondition(lambda self: self.sessions)
    @rule(user=st.sampled_from(USERS), sure=st.integers(0, 3))
    def erase(self, user: str, sure: int) -> None:
        if sure:  # seldom, as it ends a story
            return
        self.run(self.replica(0).sessions.erase(user))
        for session in self.sessions.values():
            if session.user == user:
                session.ended = session.erased = True

    @rule(force=st.booleans(), at=st.integers(0, 1))
    def rotate_key(self, force: bool, at: int) -> None:
        now = self.world.clock.now
        rotation = self.replica(at).keyring.rotate(force=force)
        if not force and self.has_to_wait(now):
            with pytest.raises(NotDueError):
                self.run(rotation)
            return
        states = self.run(rotation)
        found = [(key.kid, key.state.value) for key in states]
        if self.waiting:
            kid, _ = self.waiting
            assert found == [(kid, "active"), (self.signing, "retired")]
            self.retired, self.signing, self.waiting = (self.signing, now), kid, None
        elif self.retired:
            kid, _ = self.retired
            assert found == [(self.signing, "active")]
            self.retired = None
            self.withdrawn.add(kid)
            if not force:
                assert all(t.expires + SKEW <= now for t in self.tokens if t.kid == kid), (
                    "a key was withdrawn while a token of it could be valid"
                )
            self.poll()
        else:
            assert found[0] == (self.signing, "active")
            assert [state for _, state in found] == ["active", "next"]
            self.waiting = (found[1][0], now)

    @rule(
        seconds=st.sampled_from(
            [0.4, 1, 4, 10, 29.5, 30, 31, 600, 3600, 10_805, 10 * 86_400, 31 * 86_400]
        )
    )
    def pass_time(self, seconds: float) -> None:
        self.world.clock.forward(seconds)
        if seconds > 5:
            self.poll()

    # -- what must hold --------------------------------------------------------------------------

    def check_refreshes(self, token: Token, outcomes: list[Issued | str]) -> None:
        """All refreshes with one token, made at one time, have the one right outcome."""
        session = self.sessions[token.session]
        now = self.world.clock.now
        latest = len(session.pairs) - 1
        if token.kid in self.withdrawn:
            assert set(outcomes) == {INVALID}
        elif token.kind == "access":
            assert set(outcomes) == {MISMATCH}
        elif now >= token.expires + SKEW:
            assert set(outcomes) == {EXPIRED}
        elif session.ended:
            assert set(outcomes) == {REVOKED}
        elif token.number == latest:
            issued = self.one_pair(outcomes)
            assert issued.refresh_token not in self.by_text
            session.followed_at.append(now)
            self.handed_out(issued)
        elif now <= session.followed_at[token.number] + GRACE:
            issued = self.one_pair(outcomes)
            if (issued.access_token, issued.refresh_token) != session.pairs[latest]:
                kid = self.by_text[session.pairs[latest][1]].kid
                assert kid in self.withdrawn, "another successor than before"
                session.pairs.pop()
                self.handed_out(issued)
        else:
            assert set(outcomes) == {REVOKED}
            session.ended = True

    def one_pair(self, outcomes: list[Issued | str]) -> Issued:
        """The pair that every one of the refreshes got."""
        for outcome in outcomes:
            assert isinstance(outcome, Issued), f"refused: {outcome}"
        pairs = {(o.access_token, o.refresh_token) for o in outcomes if isinstance(o, Issued)}
        assert len(pairs) == 1, "several successors of one token"
        assert isinstance(outcomes[0], Issued)
        return outcomes[0]

    def handed_out(self, issued: Issued) -> None:
        """Note a pair and check what it says."""
        session = self.sessions[issued.session_id]
        number = len(session.pairs)
        session.pairs.append((issued.access_token, issued.refresh_token))
        for kind, text, life in (
            ("access", issued.access_token, ACCESS),
            ("refresh", issued.refresh_token, REFRESH),
        ):
            claims = jwt.decode(text, options={"verify_signature": False})
            expires = datetime.fromtimestamp(claims["exp"], UTC)
            assert (claims["sub"], claims["sid"]) == (session.user, issued.session_id)
            assert claims["type"] == kind
            if text not in self.by_text and number == len(session.followed_at):
                assert expires <= self.whole_now() + life
            kid = str(jwt.get_unverified_header(text)["kid"])
            assert kid not in self.withdrawn
            token = Token(text, kind, issued.session_id, number, kid, expires)
            self.tokens.append(token)
            self.by_text[text] = token
            session.last_end = max(session.last_end, expires)

    @invariant()
    def every_ended_session_is_told_once_and_no_other(self) -> None:
        type(self).steps += 1
        told = [SessionRevoked.FromString(message.payload) for message in self.world.published]
        ended = sorted(sid for sid, session in self.sessions.items() if session.ended)
        assert sorted(event.session_id for event in told) == ended
        for event in told:
            session = self.sessions[event.session_id]
            assert event.user_id == session.user
            assert event.expires_at.ToDatetime(UTC) >= session.last_end

    @invariant()
    def what_was_handed_out_last_verifies_everywhere(self) -> None:
        if self.tokens and self.tokens[-1].kid not in self.withdrawn:
            for replica in self.world.replicas:
                claims = self.run(replica.sessions.read(self.tokens[-1].text))
                assert str(claims.session_id) == self.tokens[-1].session

    @invariant()
    def open_sessions_are_listed(self) -> None:
        now = self.world.clock.now
        user = USERS[len(self.tokens) % len(USERS)]
        listed = self.run(self.replica(0).sessions.listed(user))
        expected = {
            sid
            for sid, session in self.sessions.items()
            if session.user == user
            and not session.ended
            and self.by_text[session.pairs[-1][1]].expires > now
        }
        assert {str(found.session_id) for found in listed} == expected

    # -- means -----------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.world.run(work)

    def replica(self, number: int) -> Replica:
        return self.world.replicas[number]

    def has_to_wait(self, now: datetime) -> bool:
        """Whether the next step of the key rotation is not due."""
        if self.waiting:
            return now < self.waiting[1] + PUBLISHED
        if self.retired:
            return now < self.retired[1] + REFRESH + SKEW + UNHEARD
        return False

    def poll(self) -> None:
        """Let replicas hear of each other's keys, as they do every few seconds."""
        for replica in self.world.replicas:
            self.run(replica.keyring.reload())

    def pick(self, which: int) -> Token:
        """A token handed out; small numbers are late ones."""
        return self.tokens[-1 - which % len(self.tokens)]

    def pick_session(self, which: int) -> tuple[str, Session]:
        return list(self.sessions.items())[-1 - which % len(self.sessions)]

    def whole_now(self) -> datetime:
        return self.world.clock.now.replace(microsecond=0)

    async def attempt(self, token: str, at: int) -> Issued | str:
        try:
            return await self.replica(at).sessions.refresh(token, Visitor())
        except DomainError as error:
            return error.meaning.name
