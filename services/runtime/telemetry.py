"""OpenTelemetry traces, exported over OTLP/HTTP when an endpoint is configured.

Without an endpoint nothing is installed: no provider, no interceptors, no cost a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.runtime.settings import RuntimeSettings

if TYPE_CHECKING:
    import grpc.aio
    from opentelemetry.sdk.trace import TracerProvider

_provider: TracerProvider | None = None


def configure(settings: RuntimeSettings, service: str) -> None:
    """Install a tracer provider when ``ECO2_OTLP_ENDPOINT`` is set; once a process."""
    global _provider
    if not settings.otlp_endpoint or _provider is not None:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    _provider = TracerProvider(
        resource=Resource.create(
            {"service.name": service, "deployment.environment.name": settings.profile}
        ),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(_provider)


def enabled() -> bool:
    """Whether spans are exported by this process."""
    return _provider is not None


def client_interceptors() -> Sequence[grpc.aio.ClientInterceptor]:
    """Interceptors that carry the trace into calls to other domains."""
    if _provider is None:
        return ()
    from opentelemetry.instrumentation.grpc import aio_client_interceptors

    return tuple(aio_client_interceptors())  # type: ignore[no-untyped-call]


def server_interceptors() -> Sequence[grpc.aio.ServerInterceptor[Any, Any]]:
    """Interceptors that continue the trace in this process."""
    if _provider is None:
        return ()
    from opentelemetry.instrumentation.grpc import aio_server_interceptor

    return (aio_server_interceptor(),)  # type: ignore[no-untyped-call]


@contextmanager
def serving(path: str, metadata: Iterable[tuple[str, str | bytes]]) -> Iterator[None]:
    """Continue the caller's trace around a call that no interceptor sees; a fault marks the span.

    Use it only where spans are exported (:func:`enabled`).
    """
    from opentelemetry import propagate, trace

    _, service, method = path.split("/") if path.count("/") == 2 else ("", "", path)
    with trace.get_tracer(__name__).start_as_current_span(
        path.lstrip("/"),
        context=propagate.extract({name: str(value) for name, value in metadata}),
        kind=trace.SpanKind.SERVER,
        attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
    ):
        yield


def current_traceparent() -> str:
    """W3C trace context of the current span; empty when there is none."""
    if _provider is None:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def shutdown() -> None:
    """Export what is buffered and stop."""
    global _provider
    if _provider is not None:
        _provider.shutdown()
        _provider = None
