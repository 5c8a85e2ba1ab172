"""Which record may run now: one at a time a key, a bounded number in all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Lanes(Generic[K, T]):
    """Order and admission of work, without doing any of it.

    Items of one key are taken in the order they were offered, the next only after the one before
    was finished. At most `limit` items run at once; :meth:`hold` gives an item's slot back while it
    waits (for its next attempt) without giving up its place at the head of the lane.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        self.limit = limit
        self.running = 0
        """Items taken and neither finished nor held."""
        self.load = 0
        """Items offered and not finished yet."""
        self._lanes: dict[K, deque[T]] = {}
        self._ready: deque[K] = deque()
        self._active: set[K] = set()
        """Keys whose head was taken: running or held."""

    def offer(self, key: K, item: T) -> None:
        """Queue `item` behind what its key still has to do."""
        self.load += 1
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = deque((item,))
            self._ready.append(key)
        else:
            lane.append(item)

    def take(self) -> T | None:
        """The next item that may run now, counted as running; None when there is none or no slot
        is free.
        """
        if not self._ready or self.running >= self.limit:
            return None
        key = self._ready.popleft()
        self._active.add(key)
        self.running += 1
        return self._lanes[key][0]

    def finish(self, key: K) -> None:
        """The running head of `key` is done: free its slot, let the next of the key follow."""
        self.running -= 1
        self.load -= 1
        self._active.remove(key)
        lane = self._lanes[key]
        lane.popleft()
        if lane:
            self._ready.append(key)
        else:
            del self._lanes[key]

    def hold(self, key: K) -> None:
        """Free the slot of the running head of `key`; it stays the head of its lane."""
        if key not in self._active:
            raise KeyError(key)
        self.running -= 1

    def release(self, key: K) -> None:
        """A held head may be taken again."""
        self._active.remove(key)
        self._ready.append(key)

    def drop_held(self, key: K) -> None:
        """Forget the held head of `key`; the next of the key follows."""
        self.running += 1
        self.finish(key)

    def discard(self, unwanted: Callable[[T], bool]) -> int:
        """Forget queued items that were not taken yet; returns how many were dropped."""
        dropped = 0
        for key in list(self._lanes):
            lane = self._lanes[key]
            active = key in self._active
            kept: deque[T] = deque()
            for index, item in enumerate(lane):
                if (index > 0 or not active) and unwanted(item):
                    dropped += 1
                else:
                    kept.append(item)
            if len(kept) == len(lane):
                continue
            if kept:
                self._lanes[key] = kept
            else:
                del self._lanes[key]
        if dropped:
            self._ready = deque(key for key in self._ready if key in self._lanes)
        self.load -= dropped
        return dropped
