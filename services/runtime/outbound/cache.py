"""Answers that are used again for a while; bounded by the bytes they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Something whose size is known."""

    @property
    def size_bytes(self) -> int:
        """Bytes it holds."""
        ...


V = TypeVar("V", bound=Sized)


class Cache(Generic[V]):
    """Least recently used goes first. Time comes in as an argument, in seconds."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def get(self, key: Hashable, now: float) -> V | None:
        """The value of a key while it is fresh."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Hashable, value: V, now: float) -> None:
        """Keep a value, unless it alone is more than is kept."""
        if self._seconds <= 0 or value.size_bytes > self._max_bytes:
            return
        self._drop(key)
        self._entries[key] = (now + self._seconds, value)
        self._bytes += value.size_bytes
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1].size_bytes
