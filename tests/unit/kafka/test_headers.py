from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.kafka import headers as h


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_headers_survive_the_wire(headers: dict[str, str]) -> None:
    assert h.decode(h.encode(headers)) == headers


@given(st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_no_bytes_in_a_header_make_a_record_unreadable(raw: list[tuple[str, bytes | None]]) -> None:
    decoded = h.decode(raw)
    assert set(decoded) == {name for name, _ in raw}


@given(st.floats(0, 4e9))
def test_times_keep_their_milliseconds(epoch: float) -> None:
    read = h.seconds({h.DEADLINE: h.millis(epoch)}, h.DEADLINE)
    assert read is not None
    assert abs(read - epoch) <= 0.0006


@given(st.text())
def test_unreadable_numbers_count_as_absent(text: str) -> None:
    plain = text.isascii() and text.isdigit()
    assert (h.seconds({"n": text}, "n") is None) == (not plain or len(text) > 15)
    assert h.count({"n": text}, "n", -1) >= (0 if plain and len(text) <= 6 else -1)


def test_absent_headers_have_defaults() -> None:
    assert h.seconds({}, h.NOT_BEFORE) is None
    assert h.count({}, h.ATTEMPT, 1) == 1


@given(st.text())
def test_a_reason_is_one_printable_bounded_line(text: str) -> None:
    reason = h.reason_text(text)
    assert reason
    assert reason.isprintable()
    assert len(reason) <= h.MAX_REASON
