from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streaming.kafka import ledger as module
from streaming.kafka.ledger import Entry, Ledger, Place

HERE = Place("t", 0)


class RebalancesMachine(RuleBasedStateMachine):
    """One partition that is taken away and given back while its records are being handled.

    The broker's side of it is one number, the committed position; somebody else may handle and
    commit records while the partition is elsewhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Ledger[Entry] = Ledger()
        self.committed = 0
        self.position: int | None = None
        self.running: dict[int, Entry] = {}
        self.queued: dict[int, Entry] = {}
        self.handled: set[int] = set()
        self.pending: tuple[dict[Place, int], int] | None = None

    @precondition(lambda self: self.position is None)
    @rule()
    def assign(self) -> None:
        self.ledger.assign([HERE])
        self.position = self.committed

    @precondition(lambda self: self.position is None)
    @rule(ahead=st.integers(1, 4))
    def somebody_else_handles_some(self, ahead: int) -> None:
        self.handled.update(range(self.committed, self.committed + ahead))
        self.committed += ahead

    @precondition(lambda self: self.position is not None)
    @rule(gap=st.sampled_from([0, 0, 0, 1]))
    def read(self, gap: int) -> None:
        assert self.position is not None
        for offset in range(self.position, self.position + gap):
            if offset not in self.running and offset not in self.handled:
                self.handled.add(offset)  # does not exist: compacted away
        offset = self.position + gap
        if gap and offset - 1 in self.running:
            offset = self.position
        self.position = offset + 1
        entry = Entry(HERE, offset)
        assert not self.ledger.rewound(HERE, offset)
        if self.ledger.read(entry):
            assert offset not in self.running, "never started twice at a time"
            self.queued[offset] = entry
        else:
            assert offset in self.running or offset in self.handled, "only known work is skipped"

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.queued)))
        entry = self.queued.pop(offset)
        entry.started = True
        self.running[offset] = entry

    @precondition(lambda self: self.running)
    @rule(data=st.data(), well=st.booleans())
    def end(self, data: st.DataObject, well: bool) -> None:
        offset = data.draw(st.sampled_from(sorted(self.running)))
        entry = self.running.pop(offset)
        if entry.holding is None and not well:
            self.ledger.forget(entry)
        else:
            self.ledger.finish(entry)
            self.handled.add(offset)

    @precondition(lambda self: self.position is not None)
    @rule()
    def ask_what_to_commit(self) -> None:
        positions = self.ledger.to_commit()
        if positions:
            assert positions[HERE] > self.committed or self.pending is not None
            self.pending = (positions, self.ledger.epoch)

    @precondition(lambda self: self.pending is not None)
    @rule(arrives=st.booleans())
    def commit_ends(self, arrives: bool) -> None:
        assert self.pending is not None
        positions, epoch = self.pending
        self.pending = None
        if arrives and positions[HERE] >= self.committed:
            self.committed = positions[HERE]
            self.ledger.acknowledged(positions, epoch)

    @precondition(lambda self: self.position is not None)
    @rule()
    def revoke(self) -> None:
        self.ledger.revoke()
        self.queued.clear()
        self.position = None
        self.pending = None

    @invariant()
    def no_commit_passes_an_unfinished_record(self) -> None:
        assert set(range(self.committed)) <= self.handled
        for _, position in self.ledger.positions():
            assert set(range(min(position, self.committed), position)) <= self.handled

    def teardown(self) -> None:
        """Given the partition for good, everything gets handled and committed."""
        if self.position is None:
            self.assign()
        end = max([self.position or 0, *(o + 1 for o in self.running)])
        while self.position is not None and self.position < end:
            self.read(0)
        for offset in [*self.queued, *self.running]:
            entry = self.queued.pop(offset, None) or self.running.pop(offset)
            self.ledger.finish(entry)
            self.handled.add(offset)
        for place, position in self.ledger.positions():
            assert place == HERE
            assert position == self.position


RebalancesMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50)
TestRebalances = RebalancesMachine.TestCase


def _read(ledger: Ledger[Entry], offset: int, *, start: bool = True) -> Entry | None:
    entry = Entry(HERE, offset)
    if not ledger.read(entry):
        return None
    entry.started = start
    return entry


def test_running_work_is_adopted_when_its_partition_comes_back() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    running = _read(ledger, 0)
    assert running is not None
    ledger.revoke()
    ledger.assign([HERE])
    assert _read(ledger, 0) is None
    assert ledger.to_commit() == {}
    ledger.finish(running)
    assert ledger.to_commit() == {HERE: 1}


def test_work_of_an_earlier_assignment_moves_no_later_commit() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    old = _read(ledger, 0)
    assert old is not None
    ledger.revoke()
    ledger.assign([HERE])
    assert _read(ledger, 7) is not None  # somebody else committed up to 7 meanwhile
    ledger.finish(old)
    assert ledger.to_commit() == {}


def test_what_finished_between_assignments_is_not_handled_again() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    first, second = _read(ledger, 0), _read(ledger, 1)
    assert first is not None
    assert second is not None
    ledger.finish(second)  # finished, but not committable
    ledger.revoke()
    ledger.finish(first)
    ledger.assign([HERE])
    assert _read(ledger, 0) is None
    assert _read(ledger, 1) is None
    assert ledger.to_commit() == {HERE: 2}


def test_what_failed_between_assignments_is_handled_again() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    entry = _read(ledger, 0)
    assert entry is not None
    ledger.revoke()
    ledger.forget(entry)
    ledger.assign([HERE])
    assert _read(ledger, 0) is not None


def test_queued_work_is_read_again_after_a_rebalance() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    queued = _read(ledger, 0, start=False)
    assert queued is not None
    ledger.revoke()
    assert queued.holding is None
    ledger.assign([HERE])
    assert _read(ledger, 0) is not None


def test_an_acknowledgement_of_an_earlier_assignment_is_ignored() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    entry = _read(ledger, 0)
    assert entry is not None
    ledger.finish(entry)
    positions, epoch = ledger.to_commit(), ledger.epoch
    ledger.revoke()
    ledger.assign([HERE])
    assert _read(ledger, 0) is None  # remembered
    ledger.acknowledged(positions, epoch)
    assert ledger.to_commit() == {HERE: 1}, "the new assignment commits for itself"


def test_a_rewound_log_is_noticed() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    assert not ledger.rewound(HERE, 4)
    assert _read(ledger, 4) is not None
    assert ledger.rewound(HERE, 4)
    assert not ledger.rewound(HERE, 5)


def test_memory_of_a_lost_partition_is_bounded() -> None:
    ledger: Ledger[Entry] = Ledger()
    ledger.assign([HERE])
    blocked = _read(ledger, 0)
    assert blocked is not None
    for offset in range(1, module.MAX_REMEMBERED + 2):
        entry = _read(ledger, offset)
        assert entry is not None
        ledger.finish(entry)
    ledger.revoke()
    ledger.assign([HERE])
    assert _read(ledger, 0) is None, "running work is still adopted"
    assert _read(ledger, 1) is not None, "the finished ones were forgotten"
