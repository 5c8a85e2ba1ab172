from __future__ import annotations

import logging

import pytest

from streaming.kafka.quiet import OncePerWindow


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.ERROR, "f", 1, message, ("arg",), None)


def test_repeats_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    once = OncePerWindow(10.0)
    assert once.filter(_record("no node %s"))
    assert not once.filter(_record("no node %s"))
    assert not once.filter(_record("no node %s"))
    assert once.filter(_record("something else %s"))
    now = 10.0
    again = _record("no node %s")
    assert once.filter(again)
    assert again.getMessage() == "no node arg (2 more like it)"
