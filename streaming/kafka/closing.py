"""Ending a consumer of the client library without being ended by it.

``AIOKafkaConsumer.stop`` cancels the fetches that are under way and awaits them. One that was
pausing after a failure, as during every outage, does not catch that (aiokafka 0.14,
``Fetcher.close``): its CancelledError comes out of ``stop``, and whoever awaits that is taken for
cancelled although nobody cancelled it. What follows a topic would then end without a word.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

ABANDON_SECONDS: Final = 1.0
"""How long tearing down the connections of a consumer that did not stop may take."""


async def close(consumer: Any, *, within_seconds: float) -> None:
    """Stop a consumer. Raises what stopping it raised, TimeoutError when it took too long; never
    CancelledError unless the caller was cancelled.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    try:
        done, _ = await asyncio.wait({stopping}, timeout=within_seconds)
    except asyncio.CancelledError:
        stopping.cancel()
        raise
    stopping.cancel()
    if done and not stopping.cancelled():
        stopping.result()
        return
    # it was cut off before its connections were closed
    ending = asyncio.ensure_future(consumer._client.close())
    closed, _ = await asyncio.wait({ending}, timeout=ABANDON_SECONDS)
    ending.cancel()
    if not done or not closed:
        raise TimeoutError("the consumer did not stop")
