"""Real parts for the tests, started once a session, each only when a test asks for it.

They listen on free ports and keep their data in a folder of their own, so a stack of a person that
runs on the documented ports is neither needed nor disturbed. All are stopped by pid at the end of
the session, also after Ctrl-C.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest
from hypothesis import settings

from mesh.local.ephemeral import EphemeralParts, clean_environ
from mesh.local.ephemeral_stack import EphemeralStack
from mesh.local.parts import python
from tests import sample, time_limits
from tests.sample import Sample

# The same examples every time, and none judged by the clock of a busy machine. New ones are looked
# for with ECO2_HYPOTHESIS=explore.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("ECO2_HYPOTHESIS", "repeatable"))


BUDGETS: Final = {
    # One user does what many do.
    "ECO2_SCAN_SUBMITS_PER_MINUTE": "0",
    "ECO2_CHAT_MESSAGES_PER_MINUTE": "0",
    "ECO2_CHAT_CREATES_PER_MINUTE": "0",
    "ECO2_LOGIN_ATTEMPTS_PER_MINUTE": "0",
    # Scaled down; what they mean is as in production.
    "ECO2_PROGRESS_IDLE_CHECK_SECONDS": "1",
}
"""Settings of the session's stack."""

LOG_LINES: Final = 60
"""Lines of each process's log that are shown with a test that failed on a stack."""


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Let a coroutine end in order before pytest-timeout, which goes on to set its timer."""
    if settings.timeout > time_limits.GRACE_SECONDS:
        time_limits.limit(item, settings.timeout - time_limits.GRACE_SECONDS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what our processes logged lately when a test fails on a stack of them."""
    report = yield
    if report.failed:
        for given in getattr(item, "funcargs", {}).values():
            stack = given if isinstance(given, EphemeralStack) else getattr(given, "stack", None)
            if isinstance(stack, EphemeralStack):
                report.sections += [
                    (f"log of {part}", stack.log_tail(part, LOG_LINES))
                    for part in stack.supervisor.state.parts
                ]
    return report


@pytest.fixture(scope="session")
def parts() -> Iterator[EphemeralParts]:
    """The session's PostgreSQL, Redis, Kafka and S3Proxy, started when first asked for."""
    with EphemeralParts() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url(parts: EphemeralParts) -> str:
    """URL of an empty database, with the superuser and password in it."""
    return parts.postgres_url("scratch")


@pytest.fixture(scope="session")
def migrated_postgres(parts: EphemeralParts) -> str:
    """URL of a database with every migration applied, with the superuser and password in it."""
    url = parts.postgres_url()
    done = subprocess.run(
        python.command(parts.paths, "migrate"),
        env={**clean_environ(os.environ), **parts.environ, **python.variables(parts.paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"eco2 migrate failed:\n{done.stdout}{done.stderr}", pytrace=False)
    return url


@pytest.fixture(scope="session")
def redis_url(parts: EphemeralParts) -> str:
    """URL of an empty Redis."""
    return parts.redis_url


@pytest.fixture(scope="session")
def kafka_bootstrap(parts: EphemeralParts) -> str:
    """``host:port`` of a Kafka broker without topics; naming one does not create it."""
    return parts.kafka_bootstrap


@pytest.fixture(scope="session")
def s3_endpoint(parts: EphemeralParts) -> str:
    """URL of the S3 API with the empty bucket ``eco2-images`` and the local access key."""
    return parts.s3_endpoint


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ours."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the shapes in tests/contract/golden anew instead of comparing with them",
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
async def sampled(stack: EphemeralStack) -> Sample:
    """A user of the stack who has some of everything."""
    return await sample.make(stack, "sampled")


@pytest.fixture(scope="session")
def stack() -> Iterator[EphemeralStack]:
    """The whole stack behind Envoy, with parts of its own: ``.base_url``, ``.token(user)``."""
    with EphemeralStack(BUDGETS) as running:
        yield running
