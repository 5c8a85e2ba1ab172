"""What authorization costs: wrk → real Envoy → ext-authz in a process of its own.

Two paths are compared that Envoy answers itself by the same means, so that the difference is
ext-authz alone: ``/healthz/ready`` is not authorised, ``/api/v1/authz/ping`` is. Every connection
cycles through many signed-in users, whose tokens come as cookies, as the app sends them.

    python -m tests.bench.authz --seconds 10 --connections 64 --tokens 1000

CPU is what the kernel charged each process (user + system) divided by the requests wrk counted.
Envoy and wrk run one thread each; on a machine with two cores they compete with ext-authz, so
requests/s is a figure of that machine while CPU per request carries over.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
import grpc.aio
import httpx
import psutil
from eco2.auth.v1 import auth_service_pb2, auth_service_pb2_grpc

from edge.authz.rules import PING
from edge.envoy import binary, build
from mesh.local.free_ports import PortBlock
from services.runtime.ports import HOST, env_name, port
from tests.signing import Signer
from tests.wait import until

OPEN_PATH = "/healthz/ready"
ROOT = Path(__file__).resolve().parents[2]

WRK_SCRIPT = """
local cookies = {}
for line in io.lines("%s") do cookies[#cookies + 1] = line end
local at = 0
request = function()
  at = at %% #cookies + 1
  return wrk.format("GET", nil, {["cookie"] = cookies[at]})
end
done = function(summary, latency, requests)
  io.write(string.format("FIGURES %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Jwks(auth_service_pb2_grpc.AuthServiceServicer):
    """Publishes the bench's key."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def GetJwks(self, request: Any, context: Any) -> auth_service_pb2.GetJwksResponse:
        """The key."""
        return auth_service_pb2.GetJwksResponse(keys=[self._signer.jwk])

    async def IssueSession(self, request: Any, context: Any) -> Any:
        """Not part of the bench."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "the bench issues no sessions")


@dataclass(frozen=True)
class Figures:
    """One run of wrk."""

    requests: int
    per_second: float
    errors: int
    p50_ms: float
    p99_ms: float
    envoy_us: float
    """CPU of Envoy per request."""
    authz_us: float
    """CPU of ext-authz per request."""


@dataclass(frozen=True)
class Running:
    """What is measured."""

    envoy: psutil.Process
    authz: psutil.Process
    base_url: str


@asynccontextmanager
async def running(folder: Path, signer: Signer) -> AsyncIterator[Running]:
    """Envoy and ext-authz on free ports, ready."""
    block = PortBlock()
    environ = {**block.table(), "ECO2_EDGE_HTTPS": "false", "ECO2_EDGE_ACCESS_LOG": os.devnull}
    server = grpc.aio.server()
    auth_service_pb2_grpc.add_AuthServiceServicer_to_server(Jwks(signer), server)
    server.add_insecure_port(f"{HOST}:{environ[env_name('auth')]}")
    await server.start()
    with mock.patch.dict(os.environ, environ):
        build.write(folder / "envoy.yaml")
        base_url = f"http://{HOST}:{port('edge_http')}"
    envoy = await _started(
        environ,
        folder / "envoy.log",
        *(str(binary.binary()), "-c", str(folder / "envoy.yaml"), "--use-dynamic-base-id"),
        *("--concurrency", "1", "--log-level", "error"),
    )
    authz = await _started(
        environ,
        folder / "authz.log",
        *(sys.executable, "-m", "services.cli.main", "serve", "authz"),
    )
    try:
        async with httpx.AsyncClient(base_url=base_url) as client:
            cookie = {"cookie": f"s_access={signer.token()}"}

            async def ready() -> bool:
                try:
                    return (await client.get(PING[1], headers=cookie)).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, within_seconds=30, what="the edge")
        yield Running(psutil.Process(envoy.pid), psutil.Process(authz.pid), base_url)
    finally:
        for process in (envoy, authz):
            process.terminate()
            await process.wait()
        await server.stop(0)
        block.close()


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


async def measure(
    running: Running, script: Path, path: str, seconds: int, connections: int
) -> Figures:
    """Run wrk against a path."""
    before = _cpu_seconds(running)
    wrk = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)),
        running.base_url + path,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await wrk.communicate()
    after = _cpu_seconds(running)
    match = re.search(rb"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if match is None:
        raise RuntimeError(output.decode())
    requests, microseconds, errors, p50, p99 = (int(group) for group in match.groups())
    envoy, authz = (
        (end - start) * 1e6 / max(1, requests) for start, end in zip(before, after, strict=True)
    )
    return Figures(
        requests, requests * 1e6 / microseconds, errors, p50 / 1000, p99 / 1000, envoy, authz
    )


def _cpu_seconds(running: Running) -> tuple[float, float]:
    times = [process.cpu_times() for process in (running.envoy, running.authz)]
    first, second = (spent.user + spent.system for spent in times)
    return first, second


def _table(rows: Mapping[str, Figures]) -> str:
    head = "                 requests/s   errors   p50 ms   p99 ms   Envoy µs   authz µs"
    lines = [
        f"{name:<16} {f.per_second:>10.0f} {f.errors:>8} {f.p50_ms:>8.2f} {f.p99_ms:>8.2f}"
        f" {f.envoy_us:>10.1f} {f.authz_us:>10.1f}"
        for name, f in rows.items()
    ]
    return "\n".join((head, *lines))


async def bench(seconds: int, connections: int, tokens: int) -> int:
    """Measure and print; the exit code."""
    if shutil.which("wrk") is None:
        print("wrk is not installed; `apt-get install wrk`", file=sys.stderr)
        return 1
    signer = Signer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cookies = folder / "cookies.txt"
        cookies.write_text(
            "\n".join(f"s_refresh=x; s_access={signer.token()}" for _ in range(tokens))
        )
        script = folder / "cookies.lua"
        script.write_text(WRK_SCRIPT % cookies)
        async with running(folder, signer) as measured:
            for path in (PING[1], OPEN_PATH):  # warm up; every token is verified once
                await measure(measured, script, path, 2, connections)
            rows = {
                "without authz": await measure(measured, script, OPEN_PATH, seconds, connections),
                "with authz": await measure(measured, script, PING[1], seconds, connections),
            }
            memory = measured.authz.memory_info().rss / 2**20
    print(_table(rows))
    ratio = rows["with authz"].per_second / rows["without authz"].per_second
    print(f"requests/s with : without   {ratio:.2f}")
    print(f"authz memory                {memory:.0f} MiB with {tokens} tokens cached")
    return 0 if not any(figures.errors for figures in rows.values()) else 1


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="What authorization costs.")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=1000)
    given = parser.parse_args()
    raise SystemExit(asyncio.run(bench(given.seconds, given.connections, given.tokens)))


if __name__ == "__main__":
    main()
