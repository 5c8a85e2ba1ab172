"""A session as a browser has it: cookies, parallel refreshes, logout, through the real edge."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.e2e.world import ORIGIN, World
from tests.wait import until

pytestmark = pytest.mark.stack

ME = "/api/v1/users/me"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"


def trust(world: World) -> ssl.SSLContext:
    """Trust in the certificate of the stack's edge."""
    return ssl.create_default_context(cafile=str(world.stack.paths.tls / "cert.pem"))


@pytest.fixture
async def browser(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with the cookies of a new session. Secure cookies need https."""
    printed = await asyncio.to_thread(world.stack.eco2, "token", "--user", "browser", "--json")
    issued = json.loads(printed)
    async with httpx.AsyncClient(
        base_url=world.stack.https_url, verify=trust(world), timeout=15, headers={"origin": ORIGIN}
    ) as client:
        client.headers["cookie"] = (
            f"s_access={issued['access_token']}; s_refresh={issued['refresh_token']}"
        )
        yield client


def cookies_set(response: httpx.Response) -> dict[str, str]:
    """Name and whole text of every cookie a response sets."""
    return {text.split("=", 1)[0]: text for text in response.headers.get_list("set-cookie")}


async def test_refresh_answers_null_and_sets_both_cookies(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(REFRESH)
    assert (answer.status_code, answer.json()) == (201, None)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    fresh = cookies_set(answer)
    assert fresh.keys() == {"s_access", "s_refresh"}
    for text in fresh.values():
        attributes = {part.strip().lower() for part in text.split(";")[1:]}
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
    access = fresh["s_access"].split(";")[0]
    assert (await browser.get(ME, headers={"cookie": access})).status_code == 200


async def test_parallel_refreshes_never_sign_anybody_out(browser: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(browser.post(REFRESH) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({cookies_set(answer)["s_refresh"].split(";")[0] for answer in answers}) == 1


async def test_logout_bites_at_the_edge(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(ME)).status_code == 200
    answer = await browser.post(LOGOUT)
    assert answer.json() == {"success": True, "data": {"message": "Successfully logged out"}}
    assert all("max-age=0" in text.lower() for text in cookies_set(answer).values())

    async def refused() -> bool:
        return (await browser.get(ME)).status_code == 401

    await until(refused, within_seconds=30, what="the end of the session")
    denied = await browser.get(ME)
    assert denied.json()["details"][0]["reason"] == "TOKEN_REVOKED"
    assert (await browser.post(REFRESH)).status_code == 401


@pytest.mark.parametrize(
    "cookie", ["", "s_access=nonsense; s_refresh=nonsense", "s_refresh=a.b.c; s_refresh=d.e.f"]
)
async def test_logout_succeeds_whatever_the_cookies_hold(
    browser: httpx.AsyncClient, cookie: str
) -> None:
    answer = await browser.post(LOGOUT, headers={"cookie": cookie})
    assert (answer.status_code, answer.json()["success"]) == (200, True)


async def test_an_access_token_refreshes_nothing(browser: httpx.AsyncClient) -> None:
    access = browser.headers["cookie"].split("; ")[0].removeprefix("s_access=")
    answer = await browser.post(REFRESH, headers={"cookie": f"s_refresh={access}"})
    assert answer.status_code in (400, 401)
    assert answer.json()["details"][0]["reason"] == "TOKEN_TYPE_MISMATCH"
