"""Prometheus metrics of the chat service."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

ACCEPTED = Counter("chat_turns_accepted_total", "Turns accepted.", ["picture", "awaited"])
ENDED = Counter("chat_turns_ended_total", "Turns ended, by how.", ["status", "reason"])
SECONDS = Histogram(
    "chat_turn_seconds",
    "From the acceptance of a turn to its stored answer.",
    buckets=(0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300),
)
PARKED = Counter("chat_turns_parked_total", "Turns that waited for the user.", ["input_type"])
INPUTS = Counter("chat_inputs_total", "What sent waiting turns on.", ["type"])
OVERDUE = Counter("chat_turns_overdue_total", "Turns failed for passing their deadline.")
