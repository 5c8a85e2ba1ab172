"""Turns that wait for the user: parked, answered, expired.

A waiting turn is a row and nothing else. What its worker had worked out is kept with it and goes
back in the record that sends the turn on.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from services.chat import inputs, refusals, text
from services.chat.records import record
from services.chat.rows import GET_LOCKED, TURN, lock_chat, turn_of
from services.chat.state import Event, Status, sources
from services.chat.turn import Input, Turn
from services.runtime.outbox import Entry, Outbox
from services.runtime.pool import Pool


class Waits:
    """Waiting turns through the domain's pool, their records through its outbox."""

    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def park(
        self,
        job_id: uuid.UUID,
        round_: int,
        input_type: str,
        question: str,
        state: bytes,
        wait: timedelta,
    ) -> Turn | None:
        """Make a turn wait for the user; None when it does not go from here into that round.

        A turn that is awaited in a call waits for nobody: it expires with the next sweep.
        """
        return turn_of(
            await self._pool.fetchrow(
                f"""
                UPDATE turns SET status = 'waiting', round = $2, input_type = $3, question = $4,
                       parked_state = $5,
                       waits_until = now() + CASE WHEN awaited THEN interval '0' ELSE $6 END
                 WHERE job_id = $1 AND status = ANY($7::text[]) AND round = $2 - 1
                RETURNING {TURN}
                """,  # noqa: S608 - constants
                job_id,
                round_,
                input_type,
                text.storable(question),
                state,
                wait,
                sources(Event.PARK),
            )
        )

    async def answer(
        self, job_id: uuid.UUID, user_id: uuid.UUID, kind: str, data_json: str, lifetime: timedelta
    ) -> Sequence[Entry]:
        """Let a waiting turn of this user go on; what is to be published, nothing for a repeat.

        DomainError JOB_NOT_FOUND, TURN_NOT_WAITING.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_chat(connection, job_id)
            turn = turn_of(await connection.fetchrow(GET_LOCKED, job_id))
            if turn is None or turn.user_id != user_id:
                raise refusals.job_not_found(str(job_id))
            if not inputs.fits(turn, kind, data_json):
                return ()
            return await resume(connection, self._outbox, turn, kind, data_json, lifetime)


async def resume(
    connection: asyncpg.Connection,
    outbox: Outbox,
    turn: Turn,
    kind: str,
    data_json: str,
    lifetime: timedelta,
) -> Sequence[Entry]:
    """Send a waiting turn on, within the transaction that has locked it; what is to be published.

    Its time begins anew: what it has spent waiting was the user's.
    """
    gone_on = turn_of(
        await connection.fetchrow(
            f"""
            UPDATE turns SET status = 'accepted', waits_until = NULL, parked_state = NULL,
                   last_input = $2, deadline_at = now() + $3::interval
             WHERE job_id = $1 AND status = ANY($4::text[])
            RETURNING {TURN}
            """,  # noqa: S608 - constants
            turn.job_id,
            inputs.fingerprint(kind, data_json),
            lifetime,
            sources(Event.RESUME),
        )
    )
    if gone_on is None:
        return ()
    answered = Input(
        type=kind, data_json=data_json, state=turn.parked_state or b"", round=turn.round
    )
    return await outbox.add(connection, [record(gone_on, answered)])


async def lock_waiting(connection: asyncpg.Connection, job_id: uuid.UUID) -> Turn | None:
    """Lock a turn for :func:`resume` within the open transaction; None when it waits no longer."""
    await lock_chat(connection, job_id)
    turn = turn_of(await connection.fetchrow(GET_LOCKED, job_id))
    return turn if turn is not None and turn.status is Status.WAITING else None
