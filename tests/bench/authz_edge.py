"""What the bench of ext-authz measures: Envoy, ext-authz in a process of its own, and Kafka."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import grpc.aio
import httpx
import psutil

from edge.authz.rules import PING
from edge.envoy import binary, build
from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.runtime.ports import HOST, env_name, port
from tests.jwks import jwks
from tests.signing import Signer
from tests.wait import until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Running:
    """What is measured."""

    envoy: psutil.Process
    authz: psutil.Process
    base_url: str
    metrics_url: str
    ready_after_seconds: float
    """From the start of ext-authz until it was ready."""

    async def metric(self, name: str) -> float:
        """A metric of ext-authz without labels."""
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{self.metrics_url}/metrics")).text
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name)))


@asynccontextmanager
async def running(
    folder: Path, signer: Signer, parts: EphemeralParts, wire: str = "http", concurrency: int = 1
) -> AsyncIterator[Running]:
    """Envoy and ext-authz on free ports, ready."""
    block = PortBlock()
    environ = {
        **block.table(),
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_EDGE_HTTPS": "false",
        "ECO2_EDGE_ACCESS_LOG": os.devnull,
        "ECO2_EDGE_AUTHZ_WIRE": wire,
        "ECO2_LOG_LEVEL": "WARNING",
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((jwks(signer),))
    server.add_insecure_port(f"{HOST}:{environ[env_name('auth')]}")
    await server.start()
    with mock.patch.dict(os.environ, environ):
        build.write(folder / "envoy.yaml")
        base_url = f"http://{HOST}:{port('edge_http')}"
        metrics_url = f"http://{HOST}:{port('metrics_authz')}"
    envoy = await _started(
        environ,
        folder / "envoy.log",
        *(str(binary.binary()), "-c", str(folder / "envoy.yaml"), "--use-dynamic-base-id"),
        *("--concurrency", str(concurrency), "--log-level", "error"),
    )
    began = time.monotonic()
    authz = await _started(
        environ,
        folder / "authz.log",
        *(sys.executable, "-m", "services.cli.main", "serve", "authz"),
        *("--metrics-port-name", "metrics_authz"),
    )
    try:
        await _answers(f"{metrics_url}/health/ready", authz, folder)
        ready_after = time.monotonic() - began
        cookie = f"s_access={signer.token()}"
        await _answers(base_url + PING[1], envoy, folder, {"cookie": cookie})
        yield Running(
            psutil.Process(envoy.pid),
            psutil.Process(authz.pid),
            base_url,
            metrics_url,
            ready_after,
        )
    finally:
        for process in (envoy, authz):
            if process.returncode is None:
                process.terminate()
            await process.wait()
        await server.stop(0)
        block.close()


async def _answers(
    url: str,
    process: asyncio.subprocess.Process,
    folder: Path,
    headers: Mapping[str, str] | None = None,
) -> None:
    async with httpx.AsyncClient(headers=headers) as client:

        async def ready() -> bool:
            if process.returncode is not None:
                raise RuntimeError(_logs(folder))
            try:
                return (await client.get(url)).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, within_seconds=60, what=url)


def _logs(folder: Path) -> str:
    return "".join(log.read_text() for log in folder.glob("*.log"))


async def _started(
    environ: Mapping[str, str], log: Path, *command: str
) -> asyncio.subprocess.Process:
    python_path = os.pathsep.join(str(ROOT / part) for part in ("", "gen/python", "gen/client"))
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **environ, "PYTHONPATH": python_path},
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
