"""Events are the same however their bytes arrive."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.model.provider import ModelOutputInvalid
from streaming.model.sse import MAX_LINE, Events


@given(
    texts=st.lists(st.text(), max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    end=st.sampled_from(("\n", "\r\n")),
)
def test_events_are_the_same_however_the_bytes_arrive(
    texts: list[str], cuts: list[int], end: str
) -> None:
    sent = [json.dumps({"t": text}) for text in texts]
    body = "".join(f": ping{end}event: x{end}data: {one}{end}{end}" for one in sent).encode()
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    events = Events()
    found = [
        data for start, stop in itertools.pairwise(edges) for data in events.feed(body[start:stop])
    ]
    assert [data.decode() for data in found] == sent


def test_data_of_several_lines_is_one_event() -> None:
    assert Events().feed(b"data: a\ndata:b\n\n") == [b"a\nb"]


def test_what_never_ends_its_line_is_no_stream_of_events() -> None:
    with pytest.raises(ModelOutputInvalid):
        Events().feed(b"x" * (MAX_LINE + 1))
