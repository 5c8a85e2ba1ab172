from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.kafka import tracing

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_traceparent_survives_parsing_and_rendering() -> None:
    context = tracing.parse(GOOD)
    assert context is not None
    assert context.is_remote
    assert context.trace_flags.sampled
    assert tracing.render(context) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        GOOD.replace("00-4", "ff-4"),
        GOOD + "-extra",
        GOOD[:-1],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        GOOD.replace("4bf9", "xyzw"),
    ],
)
def test_a_malformed_traceparent_is_ignored(text: str) -> None:
    assert tracing.parse(text) is None


@given(st.text(max_size=80))
def test_parsing_never_fails(text: str) -> None:
    tracing.parse(text)


def test_without_an_sdk_the_senders_context_is_carried_on() -> None:
    with tracing.processing("t", "g", {"traceparent": GOOD}), tracing.sending("t", "") as sent:
        assert sent == GOOD
    with tracing.sending("t", GOOD) as sent:
        assert sent == GOOD
    with tracing.sending("t", "") as sent:
        assert sent == ""
