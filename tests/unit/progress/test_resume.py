"""Which events a client that comes back still needs."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.progress import resume
from edge.progress.resume import Resume
from streaming.progress.event import START, StoredEvent, StreamId
from streaming.progress.stages import RECOVERY


def token(ms: int, seq: int, content: str) -> StoredEvent:
    return StoredEvent(StreamId(ms, 0), "job", "token", "streaming", seq, content=content)


def progress(ms: int, stage: str = "answer", status: str = "started") -> StoredEvent:
    return StoredEvent(StreamId(ms, 0), "job", stage, status, ms)


HISTORY = [
    progress(1, "intent"), token(2, 1001, "안"), progress(3), token(4, 1002, "녕"),
    progress(5, "answer", "completed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "parameter", "expected"),
    [
        ("", "", Resume()),
        ("1769552400123-0", "", Resume(after=StreamId(1769552400123, 0))),
        (" 5-18446744073709551615 ", "", Resume(after=StreamId(5, 2**64 - 1))),
        ("5-18446744073709551616", "", Resume()),
        ("1769552559999-0", "", Resume(after=StreamId(1769552559999, 0))),
        ("1769552560001-0", "", Resume()),
        ("recovery:1002", "", Resume(recovered=1002)),
        ("recovery:", "", Resume()),
        ("recovery:-4", "", Resume()),
        ("", "1001", Resume(tokens=1001)),
        ("1-1", "1001", Resume(after=StreamId(1, 1))),
        ("rubbish", "1001", Resume(tokens=1001)),
        ("rubbish", "x", Resume()),
        ("١-٢", "", Resume()),
    ],
)
def test_what_the_client_sent(header: str, parameter: str, expected: Resume) -> None:
    assert resume.parse(header, parameter, now_ms=1769552500000) == expected


@given(st.text(), st.text())
def test_nothing_a_client_sends_is_an_error(header: str, parameter: str) -> None:
    assert isinstance(resume.parse(header, parameter, now_ms=0), Resume)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_ids_are_read_back(ms: int, n: int) -> None:
    assert StreamId.parse(str(StreamId(ms, n))) == StreamId(ms, n)


def test_late_client_gets_each_run_of_tokens_as_the_text_up_to_there() -> None:
    history = [*HISTORY, token(6, 1003, "!"), token(7, 1004, "?")]
    intent, one, started, two, completed, three = resume.remaining(history, Resume())
    assert [intent, started, completed] == [HISTORY[0], HISTORY[2], HISTORY[4]]
    assert [(e.stage, e.content, e.seq) for e in (one, two, three)] == [
        (RECOVERY, "안", 1001), (RECOVERY, "안녕", 1002), (RECOVERY, "안녕!?", 1004),
    ]  # fmt: skip
    assert resume.event_id(three) == "recovery:1004"


def test_client_that_had_the_snapshot_gets_what_came_after_it() -> None:
    assert resume.remaining(HISTORY, Resume(recovered=1002)) == HISTORY[4:]
    assert resume.remaining(HISTORY, Resume(recovered=1001)) == HISTORY[2:]


def test_client_that_knows_its_last_token_gets_the_later_ones() -> None:
    assert resume.remaining(HISTORY, Resume(tokens=1001)) == [HISTORY[0], *HISTORY[2:]]


def test_finished_job_needs_no_snapshot() -> None:
    done = progress(6, "done", "completed")
    assert [e.stage for e in resume.remaining([*HISTORY, done], Resume())] == [
        "intent", "answer", "answer", "done",
    ]  # fmt: skip


def anew(ms: int, seq: int, content: str) -> StoredEvent:
    return StoredEvent(StreamId(ms, 0), "job", RECOVERY, "snapshot", seq, content=content)


def test_words_anew_take_the_place_of_all_text_before() -> None:
    history = [*HISTORY, anew(6, 1003, "처"), token(7, 1004, "음")]
    assert [(e.content, e.seq) for e in resume.remaining(history, Resume()) if e.is_text] == [
        ("안", 1001), ("안녕", 1002), ("처음", 1004),
    ]  # fmt: skip
    assert resume.remaining(history, Resume(recovered=1003)) == history[-1:]
    assert resume.remaining(history, Resume(tokens=1002))[-2:] == history[-2:]


class TextReader:
    """A chat screen: appends tokens, replaces by snapshots, forgets nothing when it reconnects."""

    def __init__(self) -> None:
        self.text = ""
        self.stages: list[int] = []
        self.last_id = ""
        self.last_token = 0

    def see(self, event: StoredEvent) -> None:
        self.last_id = resume.event_id(event)
        if event.stage == RECOVERY:
            self.text, self.last_token = event.content or "", event.seq
        elif event.is_token:
            self.text, self.last_token = self.text + (event.content or ""), event.seq
        else:
            self.stages.append(event.seq)


Kind = Literal["progress", "token", "anew"]


def job_of(kinds: list[Kind]) -> tuple[list[StoredEvent], str]:
    """A job's history, and the text somebody has who read it without a break."""
    history, seq, text = [], 1000, ""
    for ms, kind in enumerate(kinds, start=1):
        if kind == "progress":
            history.append(progress(ms))
            continue
        seq += 1
        piece = f"<{seq}>"
        text = text + piece if kind == "token" else piece
        history.append((token if kind == "token" else anew)(ms, seq, piece))
    return history, text


def read_with_cuts(
    history: list[StoredEvent], cuts: list[tuple[int, int]], *, by_token: bool = False
) -> TextReader:
    """Read with reconnects; each cut: events published by then, and events then read.

    `by_token`: the client says what it has seen by ``last_token_seq``, as one that keeps no id.
    """
    reader = TextReader()
    for published, read in [*sorted(cuts), (len(history), len(history))]:
        if by_token and reader.last_token:
            seen = resume.parse("", str(reader.last_token), now_ms=0)
        else:
            seen = resume.parse(reader.last_id, now_ms=0)
        events = [event for event in history[:published] if event.id > seen.after]
        for event in resume.remaining(events, seen)[:read]:
            reader.see(event)
    return reader


KINDS = st.lists(st.sampled_from(("progress", "token", "token", "token", "anew")), max_size=30)
CUTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5)


@given(kinds=KINDS, cuts=CUTS)
def test_text_is_whole_however_often_the_client_reconnects(
    kinds: list[Kind], cuts: list[tuple[int, int]]
) -> None:
    history, text = job_of(kinds)
    reader = read_with_cuts(history, cuts)
    assert reader.text == text
    assert reader.stages == [e.seq for e in history if not e.is_text]


@given(kinds=KINDS, cuts=CUTS)
def test_a_client_that_only_counts_tokens_has_the_whole_text_too(
    kinds: list[Kind], cuts: list[tuple[int, int]]
) -> None:
    history, text = job_of(kinds)
    assert read_with_cuts(history, cuts, by_token=True).text == text


def test_start_is_before_everything() -> None:
    assert Resume().after == START < StreamId(0, 1)
