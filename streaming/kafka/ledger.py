"""What this process knows of the records it read, across rebalances. Pure bookkeeping.

A rebalance takes every partition away and often gives it right back, while handlers that run for
seconds go on. The ledger fences and remembers: work of an earlier assignment can't move the commit
position of a later one, and when its record is read again the running work is adopted, or a
finished one skipped, instead of handling it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Generic, NamedTuple, TypeVar

from streaming.kafka.offsets import ContiguousOffsets

MAX_REMEMBERED: Final = 10_000
"""Finished records remembered a partition that was taken away. Beyond it they are forgotten and
would be handled again, which consumers have to bear anyway."""


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Entry:
    """One record that was read; what is done with it subclasses this."""

    __slots__ = ("holding", "offset", "place", "started")

    def __init__(self, place: Place, offset: int) -> None:
        self.place = place
        self.offset = offset
        self.started = False
        """Whether its handler was started (it may be between two attempts)."""
        self.holding: Holding | None = None
        """The assignment it counts for; None when it was taken away."""


class Holding:
    """One partition during one assignment."""

    __slots__ = ("begin", "epoch", "offsets", "open", "place")

    def __init__(self, place: Place, epoch: int) -> None:
        self.begin: int | None = None
        """Position the assignment begins at, once known."""
        self.place = place
        self.epoch = epoch
        self.offsets = ContiguousOffsets()
        self.open: dict[int, Entry] = {}
        """Entries read in this assignment, or adopted into it, and not finished."""


class _Left:
    """What is remembered of a partition that was taken away."""

    __slots__ = ("done", "running")

    def __init__(self) -> None:
        self.done: set[int] = set()
        self.running: dict[int, Entry] = {}


E = TypeVar("E", bound=Entry)


class Ledger(Generic[E]):
    """Assignments and records of one group member."""

    def __init__(self) -> None:
        self.epoch = 0
        """Counts assignments."""
        self._held: dict[Place, Holding] = {}
        self._left: dict[Place, _Left] = {}

    @property
    def places(self) -> tuple[Place, ...]:
        """Partitions held now."""
        return tuple(self._held)

    def assign(self, places: Iterable[Place]) -> None:
        """Begin holding `places`; those held already (read before the notice came) stay as they
        are.
        """
        for place in places:
            self._hold(place)

    def _hold(self, place: Place) -> Holding:
        holding = self._held.get(place)
        if holding is None:
            self.epoch += 1
            holding = self._held[place] = Holding(place, self.epoch)
        return holding

    def rewound(self, place: Place, offset: int) -> bool:
        """Whether reading `offset` would go back behind what was read in this assignment (the log
        was cut off, or somebody reset the group): give the partition up with :meth:`revoke`
        before reading on.
        """
        holding = self._held.get(place)
        expected = holding.offsets.expected if holding is not None else None
        return expected is not None and offset < expected

    def read(self, entry: E) -> bool:
        """Note that a record was read. True: it is new, have it handled. False: it was handled, or
        is being handled, by this process; its commit needs nothing more from the caller.
        """
        holding = self._hold(entry.place)
        first = holding.offsets.expected is None
        holding.offsets.start(entry.offset)
        left = self._left.get(entry.place)
        if left is not None:
            known = self._recall(left, entry, holding, first)
            if not left.done and not left.running:
                del self._left[entry.place]
            if known:
                return False
        entry.holding = holding
        holding.open[entry.offset] = entry
        return True

    @staticmethod
    def _recall(left: _Left, entry: E, holding: Holding, first: bool) -> bool:
        offset = entry.offset
        if first:
            # Somebody committed past these: whatever becomes of them here is of no interest.
            left.done = {done for done in left.done if done >= offset}
            left.running = {o: e for o, e in left.running.items() if o >= offset}
        if offset in left.done:
            left.done.remove(offset)
            holding.offsets.finish(offset)
            return True
        adopted = left.running.pop(offset, None)
        if adopted is None:
            return False
        adopted.holding = holding
        holding.open[offset] = adopted
        return True

    def finish(self, entry: E) -> None:
        """The record needs no more work: it counts for the commit of the assignment that holds
        it, or is remembered until the partition comes back.
        """
        holding = entry.holding
        if holding is not None:
            holding.open.pop(entry.offset, None)
            holding.offsets.finish(entry.offset)
            return
        left = self._left.get(entry.place)
        if left is not None and left.running.get(entry.offset) is entry:
            del left.running[entry.offset]
            if len(left.done) >= MAX_REMEMBERED:
                left.done.clear()
            left.done.add(entry.offset)

    def forget(self, entry: E) -> None:
        """Work on a record that was taken away ended without success: whoever reads it next (maybe
        this process) handles it anew.
        """
        left = self._left.get(entry.place)
        if left is not None and left.running.get(entry.offset) is entry:
            del left.running[entry.offset]

    def revoke(self, places: Iterable[Place] | None = None) -> None:
        """Give up `places` (default: all). Entries lose their holding: those that were started may
        be adopted later, the others are forgotten.
        """
        for place in self.places if places is None else places:
            holding = self._held.pop(place, None)
            if holding is None:
                continue
            left = self._left.setdefault(place, _Left())
            left.done |= holding.offsets.finished_uncommitted()
            for offset, entry in holding.open.items():
                entry.holding = None
                if entry.started:
                    left.running[offset] = entry
            if len(left.done) > MAX_REMEMBERED:
                left.done.clear()
            if not left.done and not left.running:
                del self._left[place]

    def started(self) -> int:
        """Records of held partitions whose handlers run (or wait for their next attempt)."""
        return sum(e.started for h in self._held.values() for e in h.open.values())

    def to_commit(self) -> dict[Place, int]:
        """Positions that are ahead of what the broker acknowledged."""
        ahead: dict[Place, int] = {}
        for place, holding in self._held.items():
            position = holding.offsets.to_commit
            if position is not None:
                ahead[place] = position
        return ahead

    def acknowledged(self, positions: dict[Place, int], epoch: int) -> None:
        """The broker stored `positions`, computed while :attr:`epoch` was `epoch`."""
        for place, position in positions.items():
            holding = self._held.get(place)
            if holding is not None and holding.epoch <= epoch:
                holding.offsets.acknowledged(position)

    def begin(self, place: Place, position: int) -> None:
        """Note where the reading of a held partition begins."""
        holding = self._held.get(place)
        if holding is not None:
            holding.begin = position

    def positions(self) -> Iterator[tuple[Place, int]]:
        """Place and committable position of every held partition, as far as known."""
        for place, holding in self._held.items():
            position = holding.offsets.position
            if position is None:
                position = holding.begin
            if position is not None:
                yield place, position
