"""The access log: one JSON line a request, keys of the Elastic Common Schema.

Neither query strings nor cookies nor authorization headers are written: a query can carry an OAuth
code, the others are credentials.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def access_log(file: str) -> Json:
    """Configuration of a log written to `file`."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {
                "json_format": {
                    "@timestamp": "%START_TIME%",
                    "ecs.version": "8.11.0",
                    "log.level": "info",
                    "message": "request",
                    "service.name": "eco2-edge",
                    "event.duration": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)%",
                    "http.request.method": "%REQ(:METHOD)%",
                    "http.request.id": "%REQ(X-REQUEST-ID)%",
                    "http.request.body.bytes": "%BYTES_RECEIVED%",
                    "http.response.status_code": "%RESPONSE_CODE%",
                    "http.response.body.bytes": "%BYTES_SENT%",
                    "http.version": "%PROTOCOL%",
                    "url.path": "%PATH(NQ)%",
                    "url.domain": "%REQ(:AUTHORITY)%",
                    "client.ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "user_agent.original": "%REQ(USER-AGENT)%",
                    "user.id": "%REQ(X-USER-ID)%",
                    "trace.parent": "%REQ(TRACEPARENT)%",
                    "envoy.route": "%ROUTE_NAME%",
                    "envoy.upstream": "%UPSTREAM_CLUSTER%",
                    "envoy.flags": "%RESPONSE_FLAGS%",
                    "envoy.details": "%RESPONSE_CODE_DETAILS%",
                }
            },
        },
    }
