"""The table of stages against the contract (§5.2, §5.3)."""

from __future__ import annotations

from streaming.progress import keys, stages


def test_scan_numbers() -> None:
    assert [(name, row.index, row.started, row.completed) for name, row in stages.SCAN.items()] == [
        ("queued", 0, 0, 0),
        ("vision", 1, 0, 25),
        ("rule", 2, 25, 50),
        ("answer", 3, 50, 75),
        ("reward", 4, 75, 100),
        ("done", 5, None, None),
    ]


def test_chat_order() -> None:
    assert " ".join(stages.CHAT) == (
        "queued intent vision waste_rag character location kakao_place bulk_waste weather "
        "recyclable_price collection_point web_search image_generation general aggregator feedback "
        "answer eval done needs_input"
    )
    assert [row.index for row in stages.CHAT.values()] == list(range(20))
    assert stages.lowest_seq("chat", "done", "completed") == 181
    assert stages.percentage("chat", "done", "completed") == 100


def test_stage_outside_the_table_sorts_last() -> None:
    assert stages.lowest_seq("chat", "router", "completed") == 991
    assert stages.percentage("chat", "router", "started") is None


def test_what_ends_a_stream() -> None:
    assert stages.is_terminal("done", "completed")
    assert stages.is_terminal("vision", "failed")
    assert not stages.is_terminal("reward", "completed")


def test_shard_is_the_first_half_of_the_digest() -> None:
    # md5("") = d41d8cd98f00b204 e9800998ecf8427e; the first half ends in 04, a multiple of four
    assert keys.shard_of("") == 0
    assert {keys.shard_of(str(n)) for n in range(100)} == {0, 1, 2, 3}


def test_keys_of_a_job_share_the_slot_of_its_shard() -> None:
    shard = keys.shard_of("some-job")
    for key in (
        keys.SHARD_STREAMS[shard], keys.events("some-job"), keys.state("some-job"),
        keys.lease("some-job", "vision"), keys.checkpoint("some-job", "vision"),
    ):  # fmt: skip
        assert key.startswith(f"progress:{{{shard}}}")
