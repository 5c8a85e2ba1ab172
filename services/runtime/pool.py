"""A pool of PostgreSQL connections that hands them from one statement to the next.

asyncpg's own pool spends more on lending a connection than a short statement costs: a task, two
timers and a stand-in object every time (135 µs for a profile through it, 56 µs on the connection).
Here a connection that comes back in order goes to whoever waits, or is set aside for the next who
asks. asyncpg's pool stands behind: it opens connections, puts those in order that come back
otherwise (broken off, in a transaction), and closes those that nobody has used for a while.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final

import asyncpg

REST_SECONDS: Final = 60.0
"""How often connections that are set aside go back to asyncpg's pool, whose time for those that are
idle begins then."""


class Pool:
    """Lends at most `size` connections of an asyncpg pool of that size, first come, first served.

    What may fail, fails as in asyncpg.
    """

    def __init__(self, behind: asyncpg.Pool, size: int) -> None:
        self._behind = behind
        self._loop = asyncio.get_running_loop()
        self._left = size
        """How many more may be taken from asyncpg's pool."""
        self._aside: list[asyncpg.Connection] = []
        """Used last, taken first."""
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        """Get a connection, or None when they may take one from asyncpg's pool."""
        self._resting = self._loop.call_later(REST_SECONDS, self.rest)
        self._returns: set[asyncio.Task[None]] = set()

    # -- statements on their own ----------------------------------------------------------------

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows."""
        async with self.acquire() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """The first row, None when there is none."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first value of the first row, None when there is none."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        """The status of a command."""
        async with self.acquire() as connection:
            status: str = await connection.execute(query, *arguments)
            return status

    # -- connections ----------------------------------------------------------------------------

    def acquire(self) -> Loan:
        """A connection, for the block of an ``async with``."""
        return Loan(self)

    async def take(self) -> asyncpg.Connection:
        """A connection, which has to be brought back with :meth:`give_back`."""
        while self._aside:
            connection = self._aside.pop()
            if _in_order(connection):
                return connection
            await self._return(connection)
        if self._left:
            self._left -= 1
        elif (handed := await self._turn()) is not None:
            return handed
        try:
            return await self._behind.acquire()
        except BaseException:
            self._pass_on(None)
            raise

    async def give_back(self, connection: asyncpg.Connection, *, failed: bool) -> None:
        """Bring a connection back. `failed`: it may be in any state."""
        if failed or self._behind.is_closing() or not _in_order(connection):
            await self._return(connection)
        else:
            self._pass_on(connection)

    async def close(self) -> None:
        """Wait until every connection is back, and close them."""
        self._resting.cancel()
        while self._aside:
            await self._return(self._aside.pop())
        await self._behind.close()

    def terminate(self) -> None:
        """Break every connection."""
        self._resting.cancel()
        self._behind.terminate()

    async def _turn(self) -> asyncpg.Connection | None:
        """Wait for what comes back next."""
        waiter: asyncio.Future[asyncpg.Connection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it was our turn; it is the next one's
                self._pass_on(waiter.result())
            raise

    def _pass_on(self, connection: asyncpg.Connection | None) -> None:
        """To the first who waits, else set a connection aside; None: one more may be taken."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._left += 1
        else:
            self._aside.append(connection)

    async def _return(self, connection: asyncpg.Connection) -> None:
        """To asyncpg's pool."""
        try:
            await self._behind.release(connection)
        finally:
            self._pass_on(None)

    def rest(self) -> None:
        """Let asyncpg's pool have what is not in use."""
        aside, self._aside = self._aside, []
        for connection in aside:
            task = self._loop.create_task(self._return(connection))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)
        self._resting = self._loop.call_later(REST_SECONDS, self.rest)


class Loan:
    """A connection for the time of a block."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        """Wait for one."""
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Bring it back."""
        await self._pool.give_back(self._connection, failed=kind is not None)


def _in_order(connection: asyncpg.Connection) -> bool:
    """Whether the next statement may follow at once."""
    try:
        return not (connection.is_closed() or connection.is_in_transaction())
    except asyncpg.InterfaceError:  # the server closed it, and asyncpg's pool has taken it back
        return False
