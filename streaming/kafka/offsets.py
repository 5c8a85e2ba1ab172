"""Which offset of a partition may be committed, while records finish in any order."""

from __future__ import annotations

from collections import deque


class ContiguousOffsets:
    """Tracks one partition during one assignment.

    Records are *started* in the order they are read and *finished* in any order. The committable
    position is the offset after the longest finished prefix: everything below it is finished, so a
    restart from there loses nothing. Offsets may have gaps (compaction, transaction markers).

    Every operation is O(1) amortised.
    """

    __slots__ = ("_done", "_next", "_open", "_prefix")

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        """Started and not part of the finished prefix, ascending."""
        self._done: set[int] = set()
        """Finished members of `_open`."""
        self._prefix: deque[int] = deque()
        """Offsets of the finished prefix whose commit is not acknowledged yet."""
        self._next: int | None = None
        """Position after the last started record."""

    def start(self, offset: int) -> None:
        """Note that `offset` was read; ValueError unless offsets ascend."""
        if self._next is not None and offset < self._next:
            raise ValueError(f"offset {offset} after {self._next - 1}")
        self._open.append(offset)
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """Note that `offset`, started before, needs no more work; finishing twice is harmless."""
        open_ = self._open
        if open_ and open_[0] == offset:
            open_.popleft()
            self._prefix.append(offset)
            done = self._done
            while open_ and open_[0] in done:
                head = open_.popleft()
                done.remove(head)
                self._prefix.append(head)
        elif open_ and offset > open_[0]:
            self._done.add(offset)

    @property
    def position(self) -> int | None:
        """Position that may be committed; None before the first record was started."""
        if self._open:
            return self._open[0]
        return self._next

    @property
    def to_commit(self) -> int | None:
        """The position, when it is ahead of what the broker acknowledged; else None."""
        if not self._prefix:
            return None
        return self.position

    def acknowledged(self, position: int) -> None:
        """Note that the broker stored `position`."""
        prefix = self._prefix
        while prefix and prefix[0] < position:
            prefix.popleft()

    @property
    def expected(self) -> int | None:
        """Lowest offset that may be read next; None before the first record was started."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many started records still need work."""
        return len(self._open) - len(self._done)

    def finished_uncommitted(self) -> set[int]:
        """Offsets that are finished, but would be read again from the acknowledged position."""
        return self._done.union(self._prefix)
