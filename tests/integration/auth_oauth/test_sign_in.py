from __future__ import annotations

import asyncio
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest

from tests.integration.auth_oauth.site import APP, OTHER_APP, Browser, Site, failure_of, query_of
from tests.serving import row

pytestmark = pytest.mark.parts

PROVIDERS = ("kakao", "naver")


def _cookies(answer: httpx.Response) -> dict[str, Morsel[str]]:
    jar: SimpleCookie = SimpleCookie()
    for value in answer.headers.get_list("set-cookie"):
        jar.load(value)
    return dict(jar)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_sign_in_ends_in_the_app_with_a_session(
    site: Site, browser: Browser, provider: str
) -> None:
    started = await browser.start(provider, device_id="phone-1")
    data = started.json()["data"]
    assert started.json()["success"] is True
    assert (data["provider"], len(data["state"])) == (provider, 43)
    assert query_of(data["authorization_url"])["state"] == data["state"]
    assert started.headers["cache-control"] == "no-store"

    answer = await browser.visit(await browser.at_provider(data["authorization_url"]))
    assert answer.status_code == 302, answer.headers
    assert answer.headers["location"] == f"{APP}/#/home"
    assert answer.content == b""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookies = _cookies(answer)
    for name, seconds in (("s_access", 180 * 60), ("s_refresh", 30 * 24 * 3600)):
        cookie = cookies.pop(name)
        assert cookie["httponly"]
        assert cookie["secure"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
        assert seconds - 5 <= int(cookie["max-age"]) <= seconds
    assert [(name[:8], cookie["max-age"]) for name, cookie in cookies.items()] == [
        ("s_login_", "0")
    ]

    me = await browser.me()
    assert me.status_code == 200, me.text
    assert me.json()["provider"] == provider
    assert me.json()["nickname"] == {"kakao": "카카오1001", "naver": "네이버1001"}[provider]
    assert (await browser.fetch("POST", "/api/v1/auth/refresh")).status_code == 201
    assert (await browser.fetch("POST", "/api/v1/auth/logout")).json()["success"] is True
    assert (await browser.me()).status_code == 401


async def test_a_sign_in_is_audited_with_address_and_user_agent(site: Site) -> None:
    async with Browser(site, agent="Audit/7") as browser:
        started = await browser.start("kakao", device_id="phone\x00-1")
        url = await browser.at_provider(started.json()["data"]["authorization_url"])
        forged = {"x-eco2-client-address": "6.6.6.6", "x-forwarded-for": "6.6.6.6"}
        assert (await browser.http.get(url, headers=forged)).status_code == 302
    audit = await row(
        site.database,
        "SELECT a.provider, a.login_ip, a.user_agent, s.device_id FROM auth.login_audits a "
        "JOIN auth.sessions s ON s.id = a.session_id WHERE a.user_agent = 'Audit/7'",
    )
    assert audit is not None
    assert tuple(audit) == ("kakao", "127.0.0.1", "Audit/7", "phone-1")


async def test_the_same_user_of_a_provider_has_one_account(site: Site) -> None:
    names = []
    for user in ("2001", "2001", "2002"):
        site.kakao.user = user
        async with Browser(site) as browser:
            await browser.sign_in("kakao")
            names.append((await browser.me()).json()["nickname"])
    assert names == ["카카오2001", "카카오2001", "카카오2002"]
    count = await row(
        site.database,
        "SELECT count(DISTINCT user_id) AS users FROM users.social_accounts "
        "WHERE provider = 'kakao' AND provider_user_id IN ('2001', '2002')",
    )
    assert count is not None
    assert count["users"] == 2


async def test_token_requests_carry_what_each_provider_wants(site: Site, browser: Browser) -> None:
    await browser.sign_in("kakao")
    await browser.sign_in("naver")
    (kakao,), (naver,) = site.kakao.seen, site.naver.seen
    assert sorted(kakao) == ["client_id", "code", "code_verifier", "grant_type", "redirect_uri"]
    assert len(kakao["code_verifier"]) == 86
    assert sorted(naver) == [
        *("client_id", "client_secret", "code", "grant_type", "redirect_uri", "state")
    ]


async def test_two_tabs_may_sign_in_at_the_same_time(site: Site, browser: Browser) -> None:
    urls = await asyncio.gather(*(browser.authorization_url("kakao") for _ in range(3)))
    callbacks = [await browser.at_provider(url) for url in reversed(urls)]
    answers = await asyncio.gather(*(browser.visit(url) for url in callbacks))
    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert not [name for name in browser.http.cookies if name.startswith("s_login_")]


async def test_sign_ins_that_are_never_ended_do_not_pile_up(site: Site, browser: Browser) -> None:
    for _ in range(12):
        url = await browser.authorization_url("kakao")
    assert len([name for name in browser.http.cookies if name.startswith("s_login_")]) == 8
    assert (await browser.visit(await browser.at_provider(url))).status_code == 302


async def test_the_shorter_shape_and_the_other_path_begin_a_sign_in_too(
    site: Site, browser: Browser
) -> None:
    short = await browser.fetch("GET", "/api/v1/auth/naver/authorize")
    assert sorted(short.json()) == ["authorization_url", "state"]
    other = await browser.fetch("GET", "/api/v1/auth/naver/login")
    assert sorted(other.json()) == ["data", "success"]
    assert query_of(short.json()["authorization_url"])["redirect_uri"] == (
        f"{site.edge.base_url}/api/v1/auth/naver/callback".replace("127.0.0.1", "localhost")
    )


async def test_the_app_that_asked_is_the_one_returned_to(site: Site) -> None:
    async with Browser(site, app=OTHER_APP) as browser:
        answer = await browser.sign_in("kakao")
        assert answer.headers["location"] == f"{OTHER_APP}/#/home"
        started = await browser.start("kakao", frontend_origin=APP)
        url = await browser.at_provider(started.json()["data"]["authorization_url"])
        assert (await browser.visit(url)).headers["location"] == f"{APP}/#/home"


async def test_a_browser_may_ask_before_it_starts(site: Site, browser: Browser) -> None:
    preflight = await browser.fetch(
        "OPTIONS",
        "/api/v1/auth/google",
        headers={
            "access-control-request-method": "GET",
            "access-control-request-headers": "x-frontend-origin",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == APP
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "x-frontend-origin" in preflight.headers["access-control-allow-headers"]
    started = await browser.start("kakao")
    assert started.headers["access-control-allow-origin"] == APP
    assert started.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://growbin.app@evil.example", "//"]
)
async def test_a_strange_origin_is_refused(site: Site, browser: Browser, origin: str) -> None:
    for sent in (
        await browser.start("kakao", frontend_origin=origin),
        await browser.fetch("GET", "/api/v1/auth/kakao", headers={"x-frontend-origin": origin}),
    ):
        assert sent.status_code == 400
        assert sent.json()["details"][0]["reason"] == "ORIGIN_NOT_ALLOWED"
        assert "set-cookie" not in sent.headers


async def test_a_strange_callback_address_is_refused(site: Site, browser: Browser) -> None:
    for uri in ("https://evil.example/cb", site.callback("naver"), site.callback("kakao") + "/"):
        sent = await browser.start("kakao", redirect_uri=uri)
        assert sent.status_code == 400
        assert sent.json()["details"][0]["reason"] == "REDIRECT_URI_NOT_ALLOWED"


async def test_an_unknown_provider_is_refused(site: Site, browser: Browser) -> None:
    assert (await browser.fetch("GET", "/api/v1/auth/github")).status_code == 422
    answer = await browser.visit(f"{site.edge.https_url}/api/v1/auth/github/callback?code=x")
    assert failure_of(answer) == "invalid_state"
