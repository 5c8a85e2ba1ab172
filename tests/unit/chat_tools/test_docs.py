"""docs/chat.md says of the branches what holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from services.location.settings import LocationSettings
from services.runtime.outbound import Policy
from streaming.chat import policies
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.settings import ToolSettings
from streaming.chat.policies import POLICIES
from streaming.chat.routing import OWN
from streaming.model.settings import ModelSettings

DOCS: Final = Path(__file__).parents[3] / "docs" / "chat.md"


def table(first: str) -> list[list[str]]:
    """The rows below the heading that begins with a cell."""
    lines = iter(DOCS.read_text("utf-8").splitlines())
    assert any(line.startswith(f"| {first} |") for line in lines)
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def test_every_branch_stands_with_its_intent() -> None:
    told = [(names(row[0])[0], names(row[1])[0]) for row in table("intent")]
    assert sorted(told) == sorted((str(i), name) for i, each in OWN.items() for name in each)


def test_every_key_is_a_setting() -> None:
    models = (ToolSettings, LocationSettings, ModelSettings)
    known = {f"ECO2_{name.upper()}" for model in models for name in model.model_fields}
    known.add("OPENAI_API_KEY")
    told = {name for row in table("intent") for name in names(row[3])}
    assert told
    assert told <= known


def test_the_policies_are_those_in_force() -> None:
    told = {
        names(name)[0]: (time.removesuffix(" s"), tries, breaker, fail)
        for name, time, tries, breaker, fail in table("branch")
    }
    assert told == {
        name: (f"{p.timeout_seconds:g}", str(p.retries), str(p.breaker_failures), p.fail.value)
        for name, p in POLICIES.items()
    }
    assert f"open for {policies.BREAKER_SECONDS:g} s" in DOCS.read_text("utf-8")


def test_the_services_are_called_as_it_says() -> None:
    told = {names(row[0])[0]: row[2:] for row in table("service")}
    assert told == {
        name: [
            f"{policy.timeout_seconds:g} s",
            str(policy.attempts),
            f"{policy.cache_seconds:g} s",
            f"{policy.max_bytes // 1000} kB",
        ]
        for name, policy in SERVICES.items()
    }
    usual = Policy(name="usual")
    for policy in SERVICES.values():
        assert (policy.breaker_failures, policy.breaker_window, policy.breaker_open_seconds) == (
            usual.breaker_failures,
            usual.breaker_window,
            usual.breaker_open_seconds,
        )


def test_all_attempts_of_a_service_fit_into_one_try_of_its_branch() -> None:
    for row in table("service"):
        policy = SERVICES[names(row[0])[0]]
        pauses = sum(policy.backoff_seconds * 2**n for n in range(policy.attempts - 1))
        longest = policy.timeout_seconds * policy.attempts + pauses
        for branch in names(row[1]):
            assert longest < POLICIES[branch].timeout_seconds, (policy.name, branch)
