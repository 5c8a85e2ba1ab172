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
from edge.authz.tokens import Claims, Keys, TokenPolicy, verify
from services.runtime import logs
from services.runtime.errors import meaning_of

log = logs.get(__name__)

_NO_KEYS: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE, "the signing keys can't be fetched"
)
_FOREIGN_KEY: Final = Deny(
    ErrorReason.ERROR_REASON_TOKEN_INVALID, "the access token is signed with a key that is not ours"
)
_FAULT: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE, "the decision could not be made"
)


class Authorizer:
    """What both wires ask."""

    def __init__(
        self,
        rules: AccessRules,
        tokens: TokenVerifier,
        keyring: Keyring,
        revocations: Revocations,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._tokens = tokens
        self._keyring = keyring
        self._revocations = revocations
        self._clock = clock

    def decide_at_once(self, request: Request) -> Decision | NeedKey:
        """Decide without waiting; NeedKey when :meth:`decide` has to be awaited instead."""
        started = time.perf_counter()
        decision = self._decide(request)
        if not isinstance(decision, NeedKey):
            self._note(request, decision, started)
        return decision

    async def decide(self, request: Request) -> Decision:
        """Decide, after fetching the signing key when the token names a new one."""
        started = time.perf_counter()
        with metrics.WAITING.track_inprogress():
            decision = self._decide(request)
            if isinstance(decision, NeedKey):
                decision = await self._with_key(request, decision.kid)
        self._note(request, decision, started)
        return decision

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

    def _note(self, request: Request, decision: Decision, started: float) -> None:
        seconds = time.perf_counter() - started
        if isinstance(decision, Allow):
            _ALLOWED.inc()
            _ALLOWED_SECONDS.observe(seconds)
            if _debugging():
                log.debug("request allowed", **_described(request))
            return
        reason = meaning_of(decision.reason).name
        metrics.REQUESTS.labels("deny", reason).inc()
        _DENIED_SECONDS.observe(seconds)
        if decision.reason == ErrorReason.ERROR_REASON_TOKEN_REVOKED:
            metrics.REVOKED.inc()
        log.info("request refused", reason=reason, **_described(request))


_ALLOWED: Final = metrics.REQUESTS.labels("allow", "")
_ALLOWED_SECONDS: Final = metrics.REQUEST_SECONDS.labels("allow")
_DENIED_SECONDS: Final = metrics.REQUEST_SECONDS.labels("deny")


def _debugging() -> bool:
    """Whether debug lines are written: made on the hot path, their fields would cost the most."""
    return logging.getLogger(__name__).isEnabledFor(logging.DEBUG)


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
