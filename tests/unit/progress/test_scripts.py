"""What is sent together keeps its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.progress import keys
from streaming.progress.scripts import OPEN, PUBLISH, Call, together

_JOBS = [f"job-{number}" for number in range(6)]


@given(st.lists(st.tuples(st.sampled_from(_JOBS), st.booleans()), max_size=40))
def test_calls_of_a_shard_keep_their_order(wanted: list[tuple[str, bool]]) -> None:
    calls = [
        Call(PUBLISH, (keys.SHARD_STREAMS[keys.shard_of(job)], keys.events(job)), ())
        if publishes
        else Call(OPEN, (keys.state(job),), ())
        for job, publishes in wanted
    ]
    groups = together(calls)
    sent = [place for group in groups for place in group]
    assert sorted(sent) == list(range(len(calls)))
    for shard in range(keys.SHARDS):
        of_shard = [place for place in sent if keys.shard_of(wanted[place][0]) == shard]
        assert of_shard == sorted(of_shard)
    for group in groups:
        assert len({keys.shard_of(wanted[place][0]) for place in group}) == 1
        assert len(group) == 1 or all(wanted[place][1] for place in group)


def test_publications_of_a_shard_are_one_call() -> None:
    calls = [
        Call(PUBLISH, (keys.SHARD_STREAMS[keys.shard_of(job)], keys.events(job)), ())
        for job in _JOBS * 3
    ]
    assert len(together(calls)) == len({keys.shard_of(job) for job in _JOBS})
