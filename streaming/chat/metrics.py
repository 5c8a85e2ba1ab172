"""What turns take, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

TURNS: Final = Counter("chat_turns_total", "Turns by how handling them ended.", ["outcome"])
"""`outcome`: ``answered``, ``resumed`` (stored from a checkpoint), ``parked``, ``failed``, ``over``
(nothing left to do), ``overtaken``, ``retried``."""

INTENTS: Final = Counter("chat_intents_total", "Questions by intent.", ["intent", "by"])
"""`by`: ``model`` or ``rules``."""

STAGES: Final = Histogram(
    "chat_stage_seconds",
    "Time of a step of a turn.",
    ["stage"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120),
)

FIRST_TOKEN: Final = Histogram(
    "chat_first_token_seconds",
    "From acceptance of a turn to its first text.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 60),
)

FLUSH: Final = Histogram(
    "chat_first_flush_seconds",
    "From the model's first text to its publishing.",
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2),
)

FRAMES: Final = Counter("chat_frames_total", "Frames of text published.")

BRANCHES: Final = Counter("chat_branches_total", "Branches by outcome.", ["branch", "outcome"])
"""`outcome`: ``ok``, ``unavailable`` (its tool can't be used), ``asked``, ``timeout``, ``error``,
``held_off``; failures count once a branch, whatever the number of tries."""

TAKES: Final = Counter("chat_takes_total", "Answers begun, by how it went.", ["outcome"])
"""`outcome`: ``ok``, ``broken`` (before any text), ``replaced`` (after some), ``offline``."""

TURN_TOKENS: Final = Histogram(
    "chat_turn_tokens",
    "Tokens of a turn, all its calls together.",
    ["direction"],
    buckets=(100, 300, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000),
)

TURN_COST: Final = Histogram(
    "chat_turn_cost_usd",
    "Cost of a turn at list prices.",
    buckets=(0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
)
GRADES: Final = Counter("chat_grades_total", "Answers by grade.", ["grade", "by"])
