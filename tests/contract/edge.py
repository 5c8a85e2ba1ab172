"""Real Envoy with real ext-authz on free ports, in front of recording upstreams."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import grpc.aio
import httpx
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from edge.authz import app as authz
from edge.authz.revocations import RevokedSessions
from edge.docs import app as docs
from edge.envoy import binary, build
from mesh.local.free_ports import PortBlock
from services.runtime.context import ProcessContext
from services.runtime.grpc_http1 import CallListener
from services.runtime.http_server import HttpServer
from services.runtime.ports import HOST, env_name, port
from services.runtime.routes import routes
from services.runtime.settings import RuntimeSettings
from tests.contract.certificate import write_certificate
from tests.contract.upstreams import RecordingHttp, RecordingServices
from tests.signing import Signer
from tests.wait import until

ORIGIN = "https://localhost:5173"
"""An origin the app is served from."""

PICTURE = b"\x89PNG\r\n\x1a\n picture"


@dataclass(repr=False)
class Edge:
    """The running edge and what stands behind it."""

    environ: Mapping[str, str]
    folder: Path
    signer: Signer
    services: RecordingServices
    health: HealthServicer
    """What the services say of themselves; nothing until a test sets it."""
    bridge: RecordingHttp
    storage: RecordingHttp
    client: httpx.AsyncClient
    authz: Callable[[], Coroutine[Any, Any, None]]
    """Serves the HTTP wire of ext-authz until it is cancelled."""
    serving_authz: asyncio.Task[None]
    revoked: RevokedSessions
    trust: ssl.SSLContext
    grpc_server: grpc.aio.Server
    reads: CallListener
    """The services again, where reads come."""

    @property
    def base_url(self) -> str:
        """URL of the http listener."""
        return f"http://{HOST}:{port('edge_http', self.environ)}"

    @property
    def https_url(self) -> str:
        """URL of the https listener."""
        return f"https://localhost:{port('edge_https', self.environ)}"

    @property
    def grpc_target(self) -> str:
        """host:port for native gRPC."""
        return f"{HOST}:{port('edge_http', self.environ)}"

    @property
    def access_log(self) -> Path:
        """File of the access log."""
        return self.folder / "access.log"

    def signed_in(self, **claims: object) -> dict[str, str]:
        """Headers of a request with a valid token."""
        return {"authorization": f"Bearer {self.signer.token(**claims)}"}

    async def stop_authz(self) -> None:
        """Stop the HTTP wire of ext-authz; its connections break."""
        self.serving_authz.cancel()
        await asyncio.gather(self.serving_authz, return_exceptions=True)

    async def stop_services(self) -> None:
        """Stop all services; their connections break."""
        self.reads.close()
        await self.grpc_server.stop(0)

    async def restart_authz(self) -> None:
        """Stop the HTTP wire of ext-authz and serve it again on the same port."""
        await self.stop_authz()
        self.serving_authz = asyncio.create_task(self.authz())
        await until(lambda: listens(port("authz_http", self.environ)), what="ext-authz")

    async def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they are; status, headers and body of the answer.

        The answer is read while the request is still being sent.
        """
        reader, writer = await asyncio.open_connection(HOST, port("edge_http", self.environ))
        try:
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                key.lower(): value.strip()
                for key, _, value in (line.partition(":") for line in lines[1:] if line)
            }
            size = 0 if request.startswith(b"HEAD") else int(headers.get("content-length", 0))
            body = await asyncio.wait_for(reader.readexactly(size), 10)
            return int(lines[0].split()[1]), headers, body
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def running_edge(
    folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Edge]:
    """Start everything, wait until it is ready, and stop it."""
    block = PortBlock()
    signer = Signer()
    services = RecordingServices([signer.jwk])
    bridge = RecordingHttp("text/event-stream", (b"id: 1-0\r\ndata: {}\r\n\r\n", b": end\r\n\r\n"))
    storage = RecordingHttp("image/png", (PICTURE,))
    certificate, key = write_certificate(folder)
    environ = {
        **block.table(),
        "ECO2_EDGE_TLS_CERTIFICATE": str(certificate),
        "ECO2_EDGE_TLS_KEY": str(key),
        "ECO2_EDGE_ACCESS_LOG": str(folder / "access.log"),
        "ECO2_S3_ACCESS_KEY": "reader",
        "ECO2_S3_SECRET_KEY": "reader-secret",
        "ECO2_DOCS_HEALTH_SECONDS": "0",
    }
    environ["ECO2_S3_ENDPOINT"] = f"http://{HOST}:{environ[env_name('s3')]}"
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((services,))
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    number = server.add_insecure_port(f"{HOST}:0")
    reads_port = block.take()
    for domain in {route.domain for route in routes()}:
        environ[f"ECO2_GRPC_{domain.upper()}"] = f"{HOST}:{number}"
        environ[f"ECO2_READS_{domain.upper()}"] = f"{HOST}:{reads_port}"
    environ.update(settings or {})
    # Only while things are made: what other tests make in this process must not see it.
    with mock.patch.dict(os.environ, environ):
        base = RuntimeSettings()
        context = ProcessContext(base)
        followed: list[RevokedSessions] = []

        def follow(sessions: RevokedSessions, _: object) -> Callable[[], Coroutine[Any, Any, None]]:
            followed.append(sessions)
            return partial(always_complete, sessions)

        component = await authz.build(context, follow)
        component.services[0].add(server)
        pages = await docs.build(context)
        server.add_insecure_port(f"{HOST}:{port('authz_grpc')}")
        await server.start()
        reads = CallListener(services, HOST, reads_port)
        await reads.listen()
        background = {work.name: work.run for work in component.background}
        serve_authz = background.pop("http-wire")
        tasks = [asyncio.create_task(run()) for run in background.values()]
        web = [
            HttpServer(app, HOST, port(name), base)
            for name, app in (
                ("progress_sse", bridge.app),
                ("s3", storage.app),
                ("docs", pages.http[0].app),
            )
        ]
        for each in web:
            await each.start()
        build.write(folder / "envoy.yaml")
        envoy = await asyncio.create_subprocess_exec(
            str(binary.binary()),
            *("-c", str(folder / "envoy.yaml"), "--use-dynamic-base-id"),
            *("--concurrency", "1", "--log-level", "warning"),
            *("--file-flush-interval-msec", "50"),
            stderr=(folder / "envoy.log").open("wb"),
        )
        trust = ssl.create_default_context(cafile=str(certificate))
        client = httpx.AsyncClient(
            base_url=f"http://{HOST}:{port('edge_http')}", verify=trust, timeout=10
        )
        edge = Edge(
            environ=environ,
            folder=folder,
            signer=signer,
            services=services,
            health=health,
            bridge=bridge,
            storage=storage,
            client=client,
            authz=serve_authz,
            serving_authz=asyncio.create_task(serve_authz()),
            revoked=followed[0],
            trust=trust,
            grpc_server=server,
            reads=reads,
        )
    try:

        async def ready() -> bool:
            if envoy.returncode is not None:
                raise RuntimeError((folder / "envoy.log").read_text())
            with suppress(httpx.TransportError):
                return (await client.get("/healthz/ready")).status_code == 200
            return False

        await until(ready, within_seconds=20, what="Envoy")
        await until(lambda: component_ready(component.checks), what="the signing keys")
        yield edge
    finally:
        await client.aclose()
        if envoy.returncode is None:
            envoy.terminate()
            await envoy.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await edge.stop_authz()
        for each in web:
            await each.stop(0)
        await context.close()
        reads.close()
        await server.stop(0)
        block.close()


async def always_complete(sessions: RevokedSessions) -> None:
    """Revocations of a test that has no broker: only what it tells itself."""
    while True:
        sessions.complete(time.monotonic())
        await asyncio.sleep(1)


async def listens(number: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        _, writer = await asyncio.open_connection(HOST, number)
    except OSError:
        return False
    writer.close()
    return True


async def component_ready(checks: Mapping[str, object]) -> bool:
    """Whether every readiness check of a component passes."""
    try:
        for check in checks.values():
            await check()  # type: ignore[operator]
    except ConnectionError:
        return False
    return True
