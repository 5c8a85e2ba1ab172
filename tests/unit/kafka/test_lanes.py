from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streaming.kafka.lanes import Lanes

Item = tuple[str, int]


class LanesMachine(RuleBasedStateMachine):
    """Against a plain model: lists a key, one of each at most running or held."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[str, Item] = Lanes(3)
        self.expected: dict[str, list[Item]] = defaultdict(list)
        self.running: list[Item] = []
        self.held: list[Item] = []
        self.serial = 0

    @rule(key=st.sampled_from("abcdef"))
    def offer(self, key: str) -> None:
        self.serial += 1
        item = (key, self.serial)
        self.lanes.offer(key, item)
        self.expected[key].append(item)

    @rule()
    def take(self) -> None:
        item = self.lanes.take()
        busy = {key for key, _ in self.running + self.held}
        startable = [k for k, items in self.expected.items() if items and k not in busy]
        if len(self.running) == 3 or not startable:
            assert item is None
            return
        assert item is not None
        assert item == self.expected[item[0]][0], "the key's oldest goes first"
        assert item[0] not in busy, "one of a key at a time"
        self.running.append(item)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.running))
        self.running.remove(item)
        self.lanes.finish(item[0])
        assert self.expected[item[0]].pop(0) == item

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.running))
        self.running.remove(item)
        self.held.append(item)
        self.lanes.hold(item[0])

    @precondition(lambda self: self.held)
    @rule(data=st.data(), drop=st.booleans())
    def end_hold(self, data: st.DataObject, drop: bool) -> None:
        item = data.draw(st.sampled_from(self.held))
        self.held.remove(item)
        if drop:
            self.lanes.drop_held(item[0])
            self.expected[item[0]].pop(0)
        else:
            self.lanes.release(item[0])

    @rule(odd=st.booleans())
    def discard(self, odd: bool) -> None:
        started = set(self.running + self.held)
        unwanted = {
            item
            for items in self.expected.values()
            for item in items
            if item not in started and (item[1] % 2 == 1) == odd
        }
        dropped = self.lanes.discard(lambda item: item not in started and item[1] % 2 == odd)
        assert dropped == len(unwanted)
        for items in self.expected.values():
            items[:] = [item for item in items if item not in unwanted]

    @invariant()
    def counts_agree(self) -> None:
        assert self.lanes.running == len(self.running) <= 3
        assert self.lanes.load == sum(map(len, self.expected.values()))

    def teardown(self) -> None:
        """Nothing gets stuck: everything left can be run to its end."""
        for key, _ in self.held:
            self.lanes.release(key)
        for key, _ in self.running:
            self.lanes.finish(key)
        while (item := self.lanes.take()) is not None:
            self.lanes.finish(item[0])
        assert self.lanes.load == 0


LanesMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestLanes = LanesMachine.TestCase


def test_a_held_record_frees_its_slot_but_not_its_turn() -> None:
    lanes: Lanes[str, str] = Lanes(1)
    for key, item in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        lanes.offer(key, item)
    assert lanes.take() == "a1"
    assert lanes.take() is None
    lanes.hold("a")
    assert lanes.take() == "b1", "another key uses the slot"
    lanes.finish("b")
    assert lanes.take() is None, "a2 must not overtake a1"
    lanes.release("a")
    assert lanes.take() == "a1"
    lanes.finish("a")
    assert lanes.take() == "a2"


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Lanes(0)
