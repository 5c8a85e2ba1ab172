"""The cache of answers: fresh, bounded, least recently used first."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.outbound.cache import Cache


@dataclass(frozen=True)
class Blob:
    size_bytes: int


def test_an_entry_is_fresh_until_its_time_is_over() -> None:
    cache: Cache[Blob] = Cache(seconds=10, max_bytes=100)
    cache.put("a", Blob(1), now=0)
    assert cache.get("a", now=9.9) == Blob(1)
    assert cache.get("a", now=10) is None
    assert cache.size_bytes == 0


def test_the_least_recently_used_goes_first() -> None:
    cache: Cache[Blob] = Cache(seconds=10, max_bytes=100)
    cache.put("a", Blob(50), now=0)
    cache.put("b", Blob(50), now=0)
    assert cache.get("a", now=1)
    cache.put("c", Blob(50), now=1)
    assert cache.get("b", now=1) is None
    assert cache.get("a", now=1)
    assert cache.get("c", now=1)


def test_nothing_is_kept_without_time_or_room() -> None:
    cache: Cache[Blob] = Cache(seconds=0, max_bytes=100)
    cache.put("a", Blob(1), now=0)
    assert cache.get("a", now=0) is None
    small: Cache[Blob] = Cache(seconds=10, max_bytes=100)
    small.put("a", Blob(101), now=0)
    assert small.get("a", now=0) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.integers(0, 30), st.booleans())
    )
)
def test_it_never_holds_more_than_its_bytes(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    cache: Cache[Blob] = Cache(seconds=10, max_bytes=100)
    now = 0
    for key, size, pause, read in steps:
        now += pause
        if read:
            cache.get(key, now)
        else:
            cache.put(key, Blob(size), now)
            assert cache.get(key, now) == Blob(size)
        assert 0 <= cache.size_bytes <= 100
