"""Load on the edge: wrk as fast as it goes, an open loop at a constant rate."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.bench import open_loop
from tests.bench.authz_edge import Running
from tests.bench.wrk import Target

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


@dataclass(frozen=True)
class Figures:
    """One run, or the medians of several."""

    per_second: float
    errors: int
    """Answers other than 200 and connections that failed, summed up over the runs."""
    p50_ms: float
    p99_ms: float
    envoy_us: float
    """CPU of Envoy per request."""
    authz_us: float
    """CPU of ext-authz per request."""


def medians(runs: list[Figures]) -> Figures:
    """The median of every figure."""
    return Figures(
        median(run.per_second for run in runs),
        sum(run.errors for run in runs),
        median(run.p50_ms for run in runs),
        median(run.p99_ms for run in runs),
        median(run.envoy_us for run in runs),
        median(run.authz_us for run in runs),
    )


def write_script(folder: Path, cookies: list[str]) -> Path:
    """A script for wrk that sends the cookies in turn."""
    lines = folder / "cookies.txt"
    lines.write_text("\n".join(cookies))
    script = folder / "cookies.lua"
    script.write_text(WRK_SCRIPT % lines)
    return script


async def wrk(running: Running, script: Path, path: str, seconds: int, connections: int) -> Figures:
    """As many requests as possible over so many connections."""
    before = cpu_seconds(running)
    output = await _output(
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(script), running.base_url + path),
    )
    after = cpu_seconds(running)
    match = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if match is None:
        raise RuntimeError(output)
    requests, microseconds, errors, p50, p99 = (int(group) for group in match.groups())
    envoy, authz = (
        (end - start) * 1e6 / max(1, requests) for start, end in zip(before, after, strict=True)
    )
    return Figures(requests * 1e6 / microseconds, errors, p50 / 1000, p99 / 1000, envoy, authz)


async def constant(
    running: Running,
    path: str,
    cookies: Sequence[str],
    *,
    per_second: int,
    connections: int,
    seconds: int,
) -> Figures:
    """A constant rate, whatever the answers do."""
    url = urlsplit(running.base_url)
    before = cpu_seconds(running)
    answers = await asyncio.to_thread(
        open_loop.run,
        *(url.hostname or "", url.port or 80, [Target(path, cookie) for cookie in cookies]),
        *(per_second, connections, seconds),
    )
    after = cpu_seconds(running)
    took = sorted(1000 * each for each in answers.seconds)
    envoy, authz = (
        (end - start) * 1e6 / len(took) for start, end in zip(before, after, strict=True)
    )
    return Figures(
        len(took) / seconds,
        answers.bad,
        took[len(took) // 2],
        took[int(len(took) * 0.99)],
        envoy,
        authz,
    )


def cpu_seconds(running: Running) -> tuple[float, float]:
    """CPU that Envoy and ext-authz have used."""
    times = [process.cpu_times() for process in (running.envoy, running.authz)]
    first, second = (spent.user + spent.system for spent in times)
    return first, second


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()
