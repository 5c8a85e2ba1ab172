"""Settings of the edge. Listener addresses and upstreams come from the ports table."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from services.runtime.objectstore import ObjectStoreSettings
from services.runtime.routes import DESCRIPTOR

TLS_FOLDER: Final = Path(__file__).resolve().parents[2] / ".eco2" / "tls"


class EdgeSettings(ObjectStoreSettings):
    """What the generated Envoy configuration depends on besides descriptors and ports.

    The object storage is part of it: uploaded pictures are read through the edge where no CDN is.
    """

    edge_https: bool = True
    """Whether the edge listens on https as well; needs certificate and key."""

    edge_tls_certificate: Path = TLS_FOLDER / "cert.pem"
    """PEM chain of the https listener."""

    edge_tls_key: Path = TLS_FOLDER / "key.pem"
    """PEM key of the https listener."""

    edge_descriptor: Path = DESCRIPTOR
    """The compiled descriptors, where Envoy reads them: another place in a container of its own."""

    edge_trusted_proxies: int = Field(default=0, ge=0)
    """Proxies in front of the edge whose X-Forwarded-For entries are believed."""

    edge_max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """Largest request body; pictures go to the object storage, not through here."""

    edge_max_header_kib: int = Field(default=32, ge=8, le=8192)
    """Largest sum of request headers; two tokens take about 2 KiB."""

    edge_max_requests: int = Field(default=50_000, ge=1)
    """Requests and streams in flight to one upstream (Envoy's own default of 1,024 would cap the
    event streams)."""

    edge_max_connections: int = Field(default=50_000, ge=1)
    """Client connections at the same time; each event stream over HTTP/1 is one."""

    edge_authz_wire: Literal["http", "grpc"] = "http"
    """How ext-authz is asked. HTTP costs its process a third of the CPU; gRPC is what meshes
    speak."""

    edge_authz_connections: int = Field(default=32, ge=1)
    """Connections to ext-authz; what exceeds them queues in Envoy, which is cheaper than waking a
    busy process once a request."""

    edge_authz_timeout_seconds: float = Field(default=2.0, gt=0)
    """How long an authorization may take before the request is answered 503."""

    edge_access_log: str = "/dev/stdout"
    """File the access log is written to."""

    edge_preflight_max_age_seconds: int = Field(default=600, ge=0)
    """How long a browser may keep a preflight's answer."""
