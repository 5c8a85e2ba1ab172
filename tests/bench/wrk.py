"""wrk as the load: requests in turn over so many connections, as fast as they are answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local requests = {}
init = function(args)
  for line in io.lines("%s") do
    local path, cookie = line:match("^(%%S+) (.*)$")
    requests[#requests + 1] = wrk.format("GET", path, {["cookie"] = cookie})
  end
end
local at = 0
request = function()
  at = at %% #requests + 1
  return requests[at]
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("FIGURES %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.timeout,
    latency:percentile(50), latency:percentile(99), summary.bytes))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for, and by whom."""

    path: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Load:
    """One run."""

    requests: int
    per_second: float
    errors: int
    """Answers other than 2xx and 3xx, and connections that failed."""
    p50_ms: float
    p99_ms: float
    bytes_each: float
    """Size of an answer with its headers."""


async def run(
    base_url: str, folder: Path, targets: Sequence[Target], *, connections: int, seconds: float
) -> Load:
    """Ask for the targets in turn. One thread, so that the load takes little of the machine."""
    lines = folder / "targets.txt"
    lines.write_text("".join(f"{target.path} {target.cookie}\n" for target in targets))
    script = folder / "targets.lua"
    script.write_text(_SCRIPT % lines)
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s"),
        *("-s", str(script), base_url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    found = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise RuntimeError(output)
    requests, microseconds, errors, p50, p99, size = (int(group) for group in found.groups())
    return Load(
        requests,
        requests * 1e6 / microseconds,
        errors,
        p50 / 1000,
        p99 / 1000,
        size / max(1, requests),
    )
