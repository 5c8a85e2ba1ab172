"""How the services of others are called.

The repeating is done here, a branch does not do it again; so all attempts of a service fit into one
try of the branch that asks it (:mod:`streaming.chat.policies`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.runtime.outbound import Policy

SERVICES: Final[Mapping[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(
            name="kma",
            timeout_seconds=2.2,
            attempts=2,
            max_bytes=500_000,  # two days of forecast are some 90 kB
            cache_seconds=3600.0,  # the question names the issue, which does not change any more
            cache_bytes=16_000_000,  # some 170 cells, each 5 km wide
        ),
        Policy(
            name="keco",
            timeout_seconds=2.0,
            attempts=2,
            max_bytes=300_000,
            cache_seconds=3600.0,  # an edition a year
        ),
        Policy(
            name="household-waste",
            timeout_seconds=2.0,
            attempts=2,
            max_bytes=500_000,  # a hundred zones are some 150 kB
            cache_seconds=3600.0,  # districts report monthly
        ),
    )
}
"""By name of the service."""
