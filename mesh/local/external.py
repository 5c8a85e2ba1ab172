"""Infrastructure that is used by URL instead of being started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from mesh.local import probe
from mesh.local.part import Probe, SetupError
from services.runtime.settings import RuntimeSettings

REPLACED_BY: Final[Mapping[str, str]] = {
    "postgres": "ECO2_POSTGRES_URL",
    "redis": "ECO2_REDIS_URL",
    "kafka": "ECO2_KAFKA_BOOTSTRAP",
    "s3proxy": "ECO2_S3_ENDPOINT",
}
"""Part → variable whose value is used instead of starting the part."""

ANSWER_SECONDS: Final = 5.0


def replaced(environ: Mapping[str, str]) -> dict[str, str]:
    """The parts that the environment replaces, with the value it gives."""
    values = {part: environ.get(variable, "") for part, variable in REPLACED_BY.items()}
    return {part: value for part, value in values.items() if value}


def masked(url: str) -> str:
    """`url` without the password in it."""
    password = urlsplit(url).password if "://" in url else None
    return url.replace(f":{password}@", ":…@") if password else url


def attempt(part: str, value: str) -> Probe:
    """The probe of a replaced part: the same question as the part of our own is asked."""
    probes = {"postgres": _postgres, "redis": _redis, "kafka": _kafka, "s3proxy": _s3}
    return lambda: probes[part](value)


async def require(environ: Mapping[str, str]) -> None:
    """Raise :class:`SetupError`, a line a part, unless every replaced part answers."""
    found = replaced(environ)
    answers = await asyncio.gather(*(trouble(attempt(*item)) for item in found.items()))
    lines = [
        f"{REPLACED_BY[part]}={masked(value)} does not answer ({what}); correct it, or unset it to "
        f"have {part} started here"
        for (part, value), what in zip(found.items(), answers, strict=True)
        if what
    ]
    if lines:
        raise SetupError("\n".join(lines))


async def trouble(check: Probe, within_seconds: float = ANSWER_SECONDS) -> str:
    """Empty when `check` passes, else what went wrong, on one line."""
    try:
        async with asyncio.timeout(within_seconds):
            await check()
    except Exception as error:  # any client library's own kind: it becomes the text
        lines = f"{type(error).__name__}: {error}".splitlines()
        return lines[0].rstrip(": ")
    return ""


async def _postgres(url: str) -> None:
    import asyncpg

    settings = RuntimeSettings()
    connection = await asyncpg.connect(
        url,
        user=settings.postgres_admin_user,
        password=settings.postgres_password.get_secret_value(),
    )
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def _redis(url: str) -> None:
    from redis.asyncio import Redis

    client: Redis = Redis.from_url(url)
    try:
        await client.ping()
    finally:
        await client.aclose()


async def _kafka(bootstrap: str) -> None:
    host, _, number = bootstrap.split(",")[0].strip().rpartition(":")
    await probe.kafka_api_versions(host, int(number))


async def _s3(endpoint: str) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        answer = await client.get(endpoint)  # unsigned: any answer of the S3 API will do
    if answer.status_code >= 500:
        raise ConnectionError(f"it answers {answer.status_code}")
