"""The table of stages against docs/app.md, "Event streams"."""

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
    order = [
        *("queued", "intent", "vision", "waste_rag", "character", "location", "kakao_place"),
        *("bulk_waste", "weather", "recyclable_price", "collection_point", "web_search"),
        *("image_generation", "general", "aggregator", "feedback", "answer", "eval", "done"),
        "needs_input",
    ]
    assert [stages.CHAT[name].index for name in order] == list(range(20))
    assert set(stages.CHAT) == {*order, "summarize"}
    assert stages.lowest_seq("chat", "done", "completed") == 181
    assert stages.percentage("chat", "done", "completed") == 100


def test_what_comes_before_done_leaves_it_its_number() -> None:
    told = [
        ("general", "completed"), ("needs_input", "waiting"), ("aggregator", "started"),
        ("feedback", "completed"), ("summarize", "started"), ("summarize", "completed"),
        ("answer", "started"), ("eval", "completed"), ("done", "completed"),
    ]  # fmt: skip
    numbers = [stages.lowest_seq("chat", *step) for step in told]
    assert numbers == sorted(set(numbers))
    assert numbers == [131, 132, 140, 151, 152, 153, 160, 171, 181]


def test_percentages_of_a_chat_only_grow() -> None:
    branches = [name for name, row in stages.CHAT.items() if 3 <= row.index <= 13]
    assert all(stages.CHAT[name].started == 20 for name in branches)
    told = [
        *("queued", "intent", "vision", branches[0]),
        *("aggregator", "feedback", "summarize", "answer", "eval", "done"),
    ]
    shown = [
        percentage
        for name in told
        for status in ("started", "completed")
        if (percentage := stages.percentage("chat", name, status)) is not None
    ]
    assert shown == sorted(shown)
    assert stages.percentage("chat", "needs_input", "waiting") is None


def test_stage_outside_the_table_takes_the_next_number() -> None:
    assert stages.lowest_seq("chat", "router", "completed") <= 1
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
