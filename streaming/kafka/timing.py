"""How a group member behaves over time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a member behaves over time. The defaults are meant for production."""

    session_timeout_seconds: float = 10.0
    """A member that is silent for so long is expelled: the delay before work of a killed process
    starts elsewhere."""
    heartbeat_seconds: float = 2.0
    """A rebalance is noticed at the next heartbeat."""
    rebalance_timeout_seconds: float = 8.0
    """How long the group waits for this member to rejoin: more than a heartbeat plus
    `revoke_drain_seconds` plus a commit, less than a request may take (connection.py)."""
    max_poll_interval_seconds: float = 60.0
    """A member whose event loop reads nothing for so long gives its partitions up."""
    revoke_drain_seconds: float = 2.0
    """How long a rebalance waits for handlers to finish. Calls that take longer go on and are
    adopted when their partition comes back."""
    commit_seconds: float = 0.3
    """Pause between commits: what may be read again after a crash."""
    commit_timeout_seconds: float = 3.0
    poll_seconds: float = 0.5
    """Longest wait of one poll."""
    pace_seconds: float = 0.02
    """Shortest time between two polls that brought records. A fetch costs CPU by the partition, not
    by the record; gathering for 20 ms makes fetches fewer under load and delays nothing when idle
    (at 400 records/s over 30 partitions: 0.59 ms of CPU a record without, 0.32 with 10 ms, 0.19
    with 20 ms, 0.17 with 30 ms; tests/bench/kafka_runner.py)."""
    fetch_wait_ms: int = 1000
    """How long a broker holds a fetch with nothing to return: an idle member asks once a second.
    A rebalance may find one pending and wait for it, so it stays well below `heartbeat_seconds`."""
