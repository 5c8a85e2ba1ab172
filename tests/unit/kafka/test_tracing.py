from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    return exporter


def test_one_trace_goes_from_the_sender_through_the_handler_to_the_next_topic(
    exported: InMemorySpanExporter,
) -> None:
    with tracing.sending("scan.vision", GOOD) as first:
        pass
    with (
        tracing.processing("scan.vision", "pipeline", {"traceparent": first}),
        tracing.sending("scan.rule", "") as second,
    ):
        pass
    sent, sent_on, processed = exported.get_finished_spans()
    assert [sent.name, processed.name, sent_on.name] == [
        "scan.vision send",
        "scan.vision process",
        "scan.rule send",
    ]
    remote = tracing.parse(GOOD)
    assert remote is not None
    parents = [(s.parent.span_id if s.parent else None) for s in (sent, processed, sent_on)]
    assert parents == [remote.span_id, sent.context.span_id, processed.context.span_id]
    assert {s.context.trace_id for s in (sent, processed, sent_on)} == {remote.trace_id}
    assert second == tracing.render(sent_on.context)
    assert processed.attributes is not None
    assert processed.attributes["messaging.consumer.group.name"] == "pipeline"


def test_a_send_out_of_nowhere_begins_a_trace(exported: InMemorySpanExporter) -> None:
    with tracing.sending("scan.vision", "") as sent:
        assert tracing.parse(sent) is not None
    assert exported.get_finished_spans()[0].parent is None


def test_a_failing_handler_leaves_no_text_of_its_exception_in_the_span(
    exported: InMemorySpanExporter,
) -> None:
    with (
        pytest.raises(ValueError, match="secret"),
        tracing.processing("scan.vision", "pipeline", {}),
    ):
        raise ValueError("secret")
    assert exported.get_finished_spans()[0].events == ()
