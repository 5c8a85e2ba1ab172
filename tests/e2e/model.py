"""A model whose behaviour a test chooses for one job alone, by a word in the user's question."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.bench.simulator import Behaviour, Simulator

USUAL = Behaviour(scale=0.01, middle="무색페트병")
"""Calls take about 50 ms; every photo shows a bottle that earns the character 페티."""


@dataclass
class Script:
    """What the model does for the jobs whose question holds `word`."""

    behaviour: Behaviour
    word: str = field(default_factory=lambda: f"word-{uuid.uuid4().hex[:12]}")
    calls: Counter[str] = field(default_factory=Counter)
    """Calls for these jobs so far, by kind."""
    down_until: float = 0.0

    def set(self, **changes: Any) -> None:
        """Change the behaviour from the next call on, and how fast replies under way go on."""
        self.behaviour = replace(self.behaviour, **changes)


class ScriptedModel(Simulator):
    """The simulator with one behaviour a script; other jobs get the usual one."""

    def __init__(self) -> None:
        super().__init__(USUAL, seed=1)
        self._scripts: dict[str, Script] = {}

    @contextmanager
    def script(self, **changes: Any) -> Iterator[Script]:
        """Another behaviour for the jobs that ask with the script's word."""
        made = Script(replace(USUAL, **changes))
        self._scripts[made.word] = made
        try:
            yield made
        finally:
            del self._scripts[made.word]

    def behaviour_for(self, body: bytes) -> Behaviour:
        """As the script of the job says, if there is one."""
        found = self._script(body)
        return self.behaviour if found is None else found.behaviour

    def behave(self, body: bytes, behaviour: Behaviour) -> None:
        """Change the script of the job, if there is one."""
        found = self._script(body) or self
        found.behaviour = behaviour

    def respond(self, path: str, body: bytes) -> tuple[float | None, int, bytes, str]:
        """As the script of the job says."""
        found = self._script(body)
        if found is None:
            return super().respond(path, body)
        if time.monotonic() < found.down_until:
            found.calls["refused"] += 1
            return 0.0, 503, b"{}", ""
        before = self.statistics.calls.copy()
        try:
            return super().respond(path, body)
        finally:
            found.calls.update(self.statistics.calls - before)

    def _script(self, body: bytes) -> Script | None:
        return next((s for s in self._scripts.values() if s.word.encode() in body), None)
