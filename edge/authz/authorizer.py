"""Makes decisions for the wires: fetches a missing key, measures, logs."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz import metrics
from edge.authz.decision import (
    ANONYMOUS,
    Allow,
    Decision,
    Deny,
    NeedKey,
    Request,
    Revocations,
    TokenVerifier,
    decide,
)
from edge.authz.keyring import Found, Keyring
from edge.authz.rules import AccessRules
from edge.authz.tokens import Claims, verify
from services.runtime import logs
from services.runtime.errors import meaning_of
from services.runtime.signed_tokens import Keys, TokenPolicy

log = logs.get(__name__)
_logger: Final = logging.getLogger(__name__)

_NO_KEYS: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE, "the signing keys can't be fetched"
)
_FOREIGN_KEY: Final = Deny(
    ErrorReason.ERROR_REASON_TOKEN_INVALID, "the access token is signed with a key that is not ours"
)
_FAULT: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE, "the decision could not be made"
)


_TOO_LATE: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE, "the decision took too long"
)
_ALWAYS_REFUSED: Final = frozenset(
    {ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, ErrorReason.ERROR_REASON_METHOD_NOT_EXPOSED}
)


class Authorizer:
    """What both wires ask.

    `budget_seconds` is how long the edge waits for an answer: a decision that took longer is turned
    into a refusal, since what it rests on is as old as that. With `dry_run` nobody is refused for
    want of a valid token: decisions are made, counted ("dry_run") and logged, and who would have
    been refused passes without an identity, as on a public route. Unknown routes and internal
    methods stay closed.
    """

    def __init__(
        self,
        rules: AccessRules,
        tokens: TokenVerifier,
        keyring: Keyring,
        revocations: Revocations,
        clock: Callable[[], float] = time.time,
        *,
        budget_seconds: float = 2.0,
        dry_run: bool = False,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._rules = rules
        self._tokens = tokens
        self._keyring = keyring
        self._revocations = revocations
        self._clock = clock
        self._budget_seconds = budget_seconds
        self._dry_run = dry_run
        self._timer = timer

    def decide_at_once(self, request: Request) -> Decision | NeedKey:
        """Decide without waiting; NeedKey when :meth:`decide` has to be awaited instead."""
        started = self._timer()
        decision = self._decide(request)
        if isinstance(decision, NeedKey):
            return decision
        return self._settled(request, decision, started)

    async def decide(self, request: Request) -> Decision:
        """Decide, after fetching the signing key when the token names a new one."""
        started = self._timer()
        with metrics.WAITING.track_inprogress():
            decision = self._decide(request)
            if isinstance(decision, NeedKey):
                decision = await self._with_key(request, decision.kid)
        return self._settled(request, decision, started)

    async def _with_key(self, request: Request, kid: str) -> Decision:
        found = await self._keyring.look_for(kid)
        if found is Found.UNKNOWABLE:
            metrics.ERRORS.labels("keys_unavailable").inc()
            return _NO_KEYS
        decision = self._decide(request)
        return _FOREIGN_KEY if isinstance(decision, NeedKey) else decision

    def _decide(self, request: Request) -> Decision | NeedKey:
        """Decide; a fault of ours refuses, and never lets pass."""
        try:
            return decide(request, self._clock(), self._tokens, self._revocations, self._rules)
        except Exception as fault:
            log.exception("deciding failed", path=request.path)
            metrics.ERRORS.labels(type(fault).__name__).inc()
            return _FAULT

    def _settled(self, request: Request, decision: Decision, started: float) -> Decision:
        """The decision as it is answered, counted and logged."""
        seconds = self._timer() - started
        if seconds >= self._budget_seconds:
            metrics.ERRORS.labels("deadline").inc()
            decision = _TOO_LATE
        if isinstance(decision, Allow):
            _note("allow", "", seconds)
            if _debugging():
                log.debug("request allowed", **_described(request))
            return decision
        reason = meaning_of(decision.reason).name
        if decision.reason == ErrorReason.ERROR_REASON_TOKEN_REVOKED:
            metrics.REVOKED.inc()
        passes = self._dry_run and decision.reason not in _ALWAYS_REFUSED
        _note("dry_run" if passes else "deny", reason, seconds)
        log.info(
            "request would be refused" if passes else "request refused",
            reason=reason,
            **_described(request),
        )
        return ANONYMOUS if passes else decision


_note: Final = metrics.DECISIONS.note


def _debugging() -> bool:
    """Whether debug lines are written: made on the hot path, their fields would cost the most."""
    return _logger.isEnabledFor(logging.DEBUG)


def _described(request: Request) -> dict[str, str]:
    """What a log line says of a request. The edge's request id names the decision as well."""
    return {
        "decision_id": request.request_id or uuid.uuid4().hex,
        "method": request.method,
        "path": request.path,
    }


def timed_verify(token: str, keys: Keys, policy: TokenPolicy, now: float) -> Claims:
    """:func:`edge.authz.tokens.verify`, measured."""
    with metrics.VERIFY_SECONDS.time():
        return verify(token, keys, policy, now)
