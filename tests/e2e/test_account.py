"""An account at the edge: what it earns, what it may do at once, and how it ends."""

from __future__ import annotations

import asyncio

import httpx
import jwt
import pytest

from services.cli.app_client import AppClient
from tests.contract.statuses import assert_refused
from tests.e2e.world import ORIGIN, SETTINGS, World, photo, submit, to_end
from tests.integration.erasure.traces import in_tables
from tests.stack_database import database_of
from tests.wait import until

pytestmark = pytest.mark.stack

ME = "/api/v1/users/me"


async def headers_of(world: World, name: str) -> dict[str, str]:
    """Headers of a user's requests, as the app sends them."""
    return {"authorization": f"Bearer {await world.token(name)}", "origin": ORIGIN}


async def test_profile_is_changed_through_json(world: World, http: httpx.AsyncClient) -> None:
    headers = await headers_of(world, "renamed")
    changed = await http.patch(ME, json={"nickname": " 🌱 새싹 "}, headers=headers)
    assert changed.status_code == 200
    assert changed.json()["username"] == "🌱 새싹"
    assert (await http.get(ME, headers=headers)).json() == changed.json()
    assert_refused(await http.patch(ME, json={}, headers=headers), 422, "NO_CHANGES_PROVIDED")
    assert_refused(
        await http.patch(ME, json={"phone_number": "02-123-45678"}, headers=headers),
        422,
        "INVALID_PHONE_NUMBER",
    )
    assert_refused(
        await http.get(f"{ME}/points/entries?cursor=nonsense", headers=headers),
        400,
        "INVALID_CURSOR",
    )


async def test_deleted_account_is_gone_at_the_edge_and_everywhere_behind_it(
    world: World, http: httpx.AsyncClient
) -> None:
    headers = await headers_of(world, "leaving")
    async with AppClient(world.stack.base_url, headers["authorization"][7:]) as app:
        picture = await photo(app)
        job = await app.submit(picture)
        await to_end(app, job)
    corrected = await http.post(
        f"/api/v1/scan/{job.job_id}/correction",
        json={"classification": {"major_category": "일반종량제폐기물"}},
        headers=headers,
    )
    assert corrected.status_code == 200, corrected.text

    async def earned() -> bool:
        answer = await http.get(f"{ME}/points/entries", headers=headers)
        reasons = sorted(entry["reason"] for entry in answer.json()["entries"])
        return "correction" in reasons and len(reasons) == len(set(reasons))

    await until(earned, within_seconds=20, what="the points")
    assert (await http.get(picture)).status_code == 200

    gone = await http.delete(ME, headers=headers)
    assert (gone.status_code, gone.content) == (204, b"")
    refused = await http.get(ME, headers=headers)
    assert refused.status_code in (401, 404)  # revoked already, or only deleted so far

    async def revoked() -> bool:
        return (await http.get(ME, headers=headers)).status_code == 401

    await until(revoked, within_seconds=30, what="the end of the session")
    assert_refused(await http.get(ME, headers=headers), 401, "TOKEN_REVOKED")

    async def erased() -> bool:
        return (await http.get(picture)).status_code == 404

    await until(erased, within_seconds=20, what="the photo to be gone")


async def test_what_is_submitted_while_an_account_goes_is_erased_too(
    world: World, http: httpx.AsyncClient
) -> None:
    headers = await headers_of(world, "busy")
    user_id = jwt.decode(headers["authorization"][7:], options={"verify_signature": False})["sub"]
    async with AppClient(world.stack.base_url, headers["authorization"][7:]) as app:
        picture = await photo(app)
    accepted = 0

    async def keep_submitting() -> None:
        nonlocal accepted
        status = 0
        while status != 401:
            answer = await http.post("/api/v1/scan", json={"image_url": picture}, headers=headers)
            status = answer.status_code
            accepted += status == 200
            await asyncio.sleep(0.05)

    busy = [asyncio.create_task(keep_submitting()) for _ in range(2)]
    await until(lambda: accepted >= 4, within_seconds=20, what="submissions")
    assert (await http.delete(ME, headers=headers)).status_code == 204
    async with asyncio.timeout(30):
        await asyncio.gather(*busy)
    async with database_of(world.stack) as database:

        async def nowhere() -> bool:
            return not await in_tables(database, [user_id])

        await until(nowhere, within_seconds=20, what="everything to be gone")


async def test_streams_over_the_limit_are_429_and_readable(
    world: World, http: httpx.AsyncClient
) -> None:
    headers = await headers_of(world, "watching")
    limit = int(SETTINGS["ECO2_PROGRESS_STREAMS_PER_USER"])
    async with AppClient(world.stack.base_url, headers["authorization"][7:]) as app:
        with world.model.script(hang=1.0) as script:
            job = await submit(app, script.word)
            streams = [app.events(job.stream_url) for _ in range(limit)]
            await asyncio.gather(*(anext(stream) for stream in streams))
            over = await http.get(job.stream_url, headers=headers)
            await asyncio.gather(*(stream.aclose() for stream in streams))
    assert_refused(over, 429, "TOO_MANY_STREAMS")
    assert int(over.headers["retry-after"]) >= 1
