"""What ``eco2 chat`` writes of a stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.cli.app_client import AppClient, ServerEvent
from services.cli.chat import Speech, converse
from services.cli.scan import JobFailedError


class Told:
    """A client whose stream is told beforehand."""

    def __init__(self, *events: tuple[str, dict[str, Any]]) -> None:
        self._events = events

    async def events(self, stream_url: str) -> AsyncIterator[ServerEvent]:
        """The events."""
        for number, (name, data) in enumerate(self._events):
            yield ServerEvent(f"{number}-0", name, data)


async def heard(*events: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    client = cast(AppClient, Told(*events))
    return await converse(client, "/x", Speech(quiet=False), lambda text: None)


def token(text: str) -> tuple[str, dict[str, Any]]:
    return "token", {"content": text}


def done(answer: str) -> tuple[str, dict[str, Any]]:
    return "done", {"result": {"answer": answer, "intent": "waste"}}


async def test_tokens_are_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    await heard(
        ("queued", {}), token("라벨은 "), token("떼요."), ("keepalive", {}), done("라벨은 떼요.")
    )
    assert capsys.readouterr().out == "라벨은 떼요."


async def test_what_the_stream_left_out_comes_with_done(capsys: pytest.CaptureFixture[str]) -> None:
    await heard(token("라벨은 "), done("라벨은 떼요."))
    assert capsys.readouterr().out == "라벨은 떼요."


async def test_a_snapshot_goes_on_where_the_text_is(capsys: pytest.CaptureFixture[str]) -> None:
    await heard(
        token("라"), ("token_recovery", {"accumulated": "라벨"}), token("은"), done("라벨은")
    )
    assert capsys.readouterr().out == "라벨은"


async def test_an_answer_that_began_anew_is_written_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = await heard(token("뚜껑"), ("token_recovery", {"accumulated": "라벨"}), done("라벨은"))
    assert capsys.readouterr().out == "뚜껑\n\n라벨은"
    assert result["intent"] == "waste"


async def test_a_failed_turn_is_told() -> None:
    with pytest.raises(JobFailedError, match="시간"):
        await heard(token("라"), ("error", {"message": "시간이 지났어요"}))


async def test_a_stream_that_breaks_off_is_told() -> None:
    with pytest.raises(JobFailedError, match="before `done`"):
        await heard(token("라"))
