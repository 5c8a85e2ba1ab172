"""What happens to a test that would never be over."""

from __future__ import annotations

import asyncio

import pytest

from tests.time_limits import limited


async def test_a_test_that_hangs_is_ended_in_order_and_shows_what_it_waits_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends: list[str] = []

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def hanging() -> None:
        beside = asyncio.create_task(for_ever(), name="beside it")
        try:
            await beside
        finally:
            ends.append("thawed")

    with pytest.raises(TimeoutError, match=r"not over after 0\.01 s"):
        await limited(hanging, 0.01)()
    assert ends == ["thawed"]
    shown = capsys.readouterr().err
    assert "beside it" in shown
    assert "await asyncio.Event().wait()" in shown


async def test_a_time_out_of_its_own_stays_what_it_was() -> None:
    async def impatient() -> None:
        raise TimeoutError("the bridge did not answer")

    with pytest.raises(TimeoutError, match="the bridge did not answer"):
        await limited(impatient, 10.0)()
