"""What calls to models cost in time, tokens and money."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.breaker import Breaker, State
from streaming.model.prices import Price
from streaming.model.provider import ModelError, Usage

CALLS: Final = Counter("model_calls_total", "Calls by outcome.", ["provider", "kind", "outcome"])
"""`outcome`: ``ok`` or the error's name."""

SECONDS: Final = Histogram(
    "model_call_seconds",
    "Time of successful calls.",
    ["provider", "kind"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60),
)

TOKENS: Final = Counter(
    "model_tokens_total", "Tokens by direction.", ["provider", "model", "direction"]
)
"""`direction`: ``input`` (cached ones not counted), ``cached`` or ``output``."""

COST: Final = Counter("model_cost_usd_total", "Cost at list prices.", ["provider", "model"])

WAITING: Final = Gauge("model_waiting", "Calls waiting for leave to start.", ["provider"])
"""`provider` of this and the next two: the server, or ``server:kind`` for calls guarded apart."""

IN_FLIGHT: Final = Gauge("model_in_flight", "Calls running.", ["provider"])

BREAKER: Final = Gauge("model_breaker_open", "1 while calls are held off.", ["provider"])

FALLBACKS: Final = Counter("model_fallbacks_total", "Calls answered by the fallback.", ["kind"])


NOT_SERVED: Final = Counter(
    "model_not_served_total",
    "Times a model that users chose turned out not to be served any more.",
    ["model"],
)


def count_error(provider: str, kind: str, error: ModelError) -> None:
    """Count a failed call."""
    CALLS.labels(provider, kind, type(error).__name__).inc()


class _Series(NamedTuple):
    """The series of one provider, kind of call and model: finding them costs more than counting."""

    ok: Counter
    seconds: Histogram
    input: Counter
    cached: Counter
    output: Counter
    cost: Counter


@lru_cache(maxsize=256)
def _series(provider: str, kind: str, model: str) -> _Series:
    return _Series(
        CALLS.labels(provider, kind, "ok"),
        SECONDS.labels(provider, kind),
        TOKENS.labels(provider, model, "input"),
        TOKENS.labels(provider, model, "cached"),
        TOKENS.labels(provider, model, "output"),
        COST.labels(provider, model),
    )


def count_success(provider: str, kind: str, model: str, usage: Usage, price: Price | None) -> None:
    """Count a successful call."""
    series = _series(provider, kind, model)
    series.ok.inc()
    series.seconds.observe(usage.latency_seconds)
    if usage.input_tokens or usage.output_tokens:
        series.input.inc(usage.input_tokens - usage.cached_input_tokens)
        series.cached.inc(usage.cached_input_tokens)
        series.output.inc(usage.output_tokens)
        if price is not None:
            series.cost.inc(price.cost(usage))


def watch_breaker(provider: str, breaker: Breaker) -> None:
    """Show the state of a breaker whenever metrics are read."""
    BREAKER.labels(provider).set_function(lambda: 0.0 if breaker.state is State.CLOSED else 1.0)
