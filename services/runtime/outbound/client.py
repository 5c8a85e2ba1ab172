"""The client: one attempt, and what is around it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import aiohttp
from prometheus_client import Counter, Gauge, Histogram
from yarl import URL

from services.runtime.breaker import Breaker, State
from services.runtime.outbound.addresses import Guard, PublicResolver
from services.runtime.outbound.cache import Cache
from services.runtime.outbound.errors import (
    OutboundError,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
)
from services.runtime.outbound.policy import Policy
from services.runtime.retry_after import retry_after

if TYPE_CHECKING:
    from services.runtime.context import ProcessContext

T = TypeVar("T")

CONNECTIONS: Final = 64
"""Open connections of a process to all external services together."""

CHUNK_BYTES: Final = 16_384
BREAKER_OPEN_MAX_FACTOR: Final = 4
USER_AGENT: Final = "eco2 (+https://growbin.app)"

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SECONDS: Final = Histogram(
    "outbound_seconds",
    "Duration of one attempt to call an external service.",
    ["service"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_CALLS: Final = Counter("outbound_attempts_total", "Attempts by outcome.", ["service", "outcome"])
_CACHED: Final = Counter("outbound_cached_total", "Calls answered from the cache.", ["service"])
_OPEN: Final = Gauge("outbound_breaker_open", "1 while calls are held off.", ["service"])


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer (2xx)."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; the last one of a name that is repeated."""
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    """Where it came from, after redirects."""
    complete: bool = True
    """False when more than the limit was there and the caller wanted only the beginning."""

    def json(self) -> Any:
        """The body as JSON; OutboundInvalid when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise OutboundInvalid(f"{URL(self.url).host}: the answer is not JSON") from None


class Outbound:
    """Calls one external service as its policy says. One instance a process and service."""

    def __init__(
        self, policy: Policy, session: aiohttp.ClientSession, *, chance: random.Random | None = None
    ) -> None:
        self.policy = policy
        self._session = session
        self._chance = chance or random.SystemRandom()
        self._guard = Guard(policy.also_allowed) if policy.public_only else None
        self._slots = asyncio.Semaphore(policy.concurrent)
        self._cache: Cache[_Kept] = Cache(
            seconds=policy.cache_seconds, max_bytes=policy.cache_bytes
        )
        self._breaker = None
        if policy.breaker_failures:
            self._breaker = Breaker(
                window=max(policy.breaker_window, policy.breaker_failures),
                failures=policy.breaker_failures,
                open_seconds=policy.breaker_open_seconds,
                open_max_seconds=policy.breaker_open_seconds * BREAKER_OPEN_MAX_FACTOR,
            )
            _OPEN.labels(policy.name).set(0)

    async def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON a GET answers; an OutboundError when there is none."""
        return (await self.get(url, params=params, headers=headers)).json()

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        truncate: bool = False,
    ) -> Answer:
        """What a GET answers, from the cache while that is fresh.

        A body above `max_bytes` (the policy's when not given) is OutboundInvalid, or with
        `truncate` cut there.
        """
        return await self.read(
            url, _whole, params=params, headers=headers, max_bytes=max_bytes, truncate=truncate
        )

    async def read(
        self,
        url: str,
        reader: Callable[[Answer], T],
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        truncate: bool = False,
    ) -> T:
        """What `reader` makes of a GET's answer, as :meth:`get`: each answer is read once, and what
        was made of it is what is kept.

        `reader` raises an OutboundError for an answer that is a failure in spite of its status: it
        is handled as one, and not kept. What it returns is shared, so it must not be changed; in
        the cache it counts as much as the body. It is a part of the cache's key: a function, not
        one made anew for every call.
        """
        limit = self.policy.max_bytes if max_bytes is None else max_bytes
        key = (url, tuple(sorted((params or {}).items())), limit, truncate, reader)
        kept = self._cache.get(key, time.monotonic())
        if kept is not None:
            _CACHED.labels(self.policy.name).inc()
            return cast("T", kept.value)
        request = _Request("GET", _target(url, params), dict(headers or {}), None, limit, truncate)

        def keeping(answer: Answer) -> _Kept:
            return _Kept(reader(answer), len(answer.body))

        made = await self._patiently(request, keeping, repeat=True)
        self._cache.put(key, made, time.monotonic())
        return cast("T", made.value)

    async def post_json(
        self,
        url: str,
        document: object,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Any:
        """The JSON a POST of a JSON document answers; tried once unless it is `repeatable`."""
        body = json.dumps(document, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        request = _Request("POST", _target(url), sent, body, self.policy.max_bytes, False)
        return await self._patiently(request, Answer.json, repeat=repeatable)

    async def _patiently(
        self, request: _Request, reader: Callable[[Answer], T], *, repeat: bool
    ) -> T:
        """Try, and after a passing failure try again as often as the policy says."""
        attempts = self.policy.attempts if repeat else 1
        for attempt in range(1, attempts + 1):
            try:
                return await self._guarded(request, reader)
            except OutboundUnavailable as error:
                wait = self.policy.backoff(attempt, self._chance)
                asked = error.retry_after_seconds
                if attempt == attempts or (asked or 0) > self.policy.retry_after_max_seconds:
                    raise
                await asyncio.sleep(max(wait, asked or 0))
        raise AssertionError("the last attempt returns or raises")

    async def _guarded(self, request: _Request, reader: Callable[[Answer], T]) -> T:
        """One attempt, unless the breaker holds it off; its outcome is counted."""
        name, breaker = self.policy.name, self._breaker
        permit = None
        if breaker is not None:
            permit = breaker.enter(time.monotonic())
            if permit is None:
                _CALLS.labels(name, "held").inc()
                raise OutboundUnavailable(
                    f"{name} is left alone after failures",
                    retry_after_seconds=breaker.held(time.monotonic()),
                )
        began = time.perf_counter()
        outcome = "abandoned"
        try:
            value = reader(await self._attempt(request))
            outcome = "answered"
            return value
        except OutboundUnavailable:
            outcome = "unavailable"
            raise
        except OutboundError:
            outcome = "refused"
            raise
        finally:
            _SECONDS.labels(name).observe(time.perf_counter() - began)
            _CALLS.labels(name, outcome).inc()
            if breaker is not None and permit is not None:
                if outcome == "unavailable":
                    breaker.failed(permit, time.monotonic())
                elif outcome == "abandoned":
                    breaker.abandoned(permit)
                else:
                    breaker.succeeded(permit)
                _OPEN.labels(name).set(breaker.state is State.OPEN)

    async def _attempt(self, request: _Request) -> Answer:
        """One attempt within its time-out, redirects included."""
        name = self.policy.name
        try:
            async with asyncio.timeout(self.policy.timeout_seconds), self._slots:
                return await self._follow(request)
        except TimeoutError:
            raise OutboundUnavailable(
                f"{name}: no answer within {self.policy.timeout_seconds:g} s"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # a refusal of the resolver comes wrapped, or as the cause
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, OutboundError):
                    raise cause from None
                cause = cause.__cause__ or cause.__context__
            raise OutboundUnavailable(f"{name}: {type(error).__name__}") from None

    async def _follow(self, request: _Request) -> Answer:
        url, headers = request.url, request.headers
        for _ in range(self.policy.max_redirects + 1):
            if self._guard is not None:
                self._guard.check(url)
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False
            ) as response:
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    return await self._read(request, response)
                following = url.join(URL(location))
                if following.origin() != url.origin():
                    headers = {}  # what is meant for one server is not sent to another
                url = following
        raise OutboundRefused(f"{self.policy.name}: redirected too often", response.status)

    async def _read(self, request: _Request, response: aiohttp.ClientResponse) -> Answer:
        name, status = self.policy.name, response.status
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
            raise OutboundUnavailable(
                f"{name}: {status}",
                retry_after_seconds=retry_after(response.headers.get("retry-after"), time.time()),
            )
        if not 200 <= status < 300:
            raise OutboundRefused(f"{name}: {status}", status)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise OutboundInvalid(f"{name}: a packed answer was not asked for")
        body, complete = bytearray(), True
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > request.max_bytes:
                if not request.truncate:
                    raise OutboundInvalid(f"{name}: more than {request.max_bytes} bytes")
                del body[request.max_bytes :]
                complete = False
                break
        headers = {key.lower(): value for key, value in response.headers.items()}
        return Answer(status, headers, bytes(body), str(response.url), complete)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None
    max_bytes: int
    truncate: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was made of an answer."""

    value: Any
    size_bytes: int
    """Of the body it was made from."""


def _whole(answer: Answer) -> Answer:
    return answer


def _target(url: str, params: Mapping[str, str] | None = None) -> URL:
    try:
        target = URL(url)
        return target.update_query(params) if params else target
    except ValueError:
        raise OutboundRefused("not a URL", 0) from None


async def client(context: ProcessContext, policy: Policy) -> Outbound:
    """The process's client for a policy; those of public addresses have a resolver that checks."""
    resolver = PublicResolver(Guard(policy.also_allowed)) if policy.public_only else None
    kind = f"public:{','.join(policy.also_allowed)}" if policy.public_only else "any"
    session = await context.shared(
        f"outbound:session:{kind}", partial(_session, resolver), aiohttp.ClientSession.close
    )

    async def make() -> Outbound:
        return Outbound(policy, session)

    return await context.shared(f"outbound:{policy.name}", make)


async def _session(resolver: PublicResolver | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CONNECTIONS, resolver=resolver, use_dns_cache=resolver is None
        ),
        headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
