"""``make bench-start``: how long the stack takes from nothing to the first accepted scan.

Data folders are made from scratch, as after a first set-up. Prints the time of every step, and what
each part has used by then.
"""

from __future__ import annotations

import asyncio
import os
import time

import psutil

from mesh.local.ephemeral_stack import EphemeralStack
from mesh.local.paths import REPOSITORY
from mesh.local.status import Row, measure
from services.cli.app_client import AppClient

PHOTO = REPOSITORY / "mesh/local/samples/pet_bottle.jpg"
TARGET_SECONDS = 20.0
TARGET_MIB = 600.0


async def first_scan(stack: EphemeralStack, photo: bytes) -> str:
    """Upload a photo and submit it; the id of the accepted job."""
    async with AppClient(stack.base_url, stack.token()) as client:
        url = await client.upload(photo, PHOTO.name, "image/jpeg")
        return (await client.submit(url)).job_id


def used(row: Row) -> str:
    """CPU seconds and resident MiB of a part, as a column."""
    if row.pid is None:
        return ""
    process = psutil.Process(row.pid)
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    cpu = sum(each.user + each.system for each in times)
    return f"{cpu:5.1f} s CPU  {row.rss_mib or 0:5.0f} MiB"


def main() -> None:
    """Start, submit, report."""
    photo = PHOTO.read_bytes()
    begun = time.monotonic()
    with EphemeralStack() as stack:
        ready = time.monotonic() - begun
        asyncio.run(first_scan(stack, photo))
        accepted = time.monotonic() - begun
        status = measure(stack.paths)
        for row in status.parts:
            print(f"{row.name:<10} {used(row)}")
        print(f"load average before and during: {os.getloadavg()[0]:.1f}")
        print(f"everything ready after {ready:.1f} s")
        print(f"first scan accepted after {accepted:.1f} s (target {TARGET_SECONDS:.0f} s)")
        print(f"Python processes: {status.python_rss_mib:.0f} MiB (target {TARGET_MIB:.0f} MiB)")


if __name__ == "__main__":
    main()
