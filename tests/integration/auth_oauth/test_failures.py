from __future__ import annotations

import asyncio
import gzip
import json
import logging
import time
from urllib.parse import quote

import pytest
from aiohttp import web

from services.auth.login_state import KEY, cookie_name
from tests.integration.auth_oauth.site import (
    APP,
    OTHER_APP,
    REQUEST_SECONDS,
    Browser,
    Site,
    failure_of,
    query_of,
)
from tests.integration.auth_oauth.stand_ins import Answer, never

pytestmark = pytest.mark.parts


async def test_a_state_is_good_for_one_callback(site: Site, browser: Browser) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    nonces = dict(browser.http.cookies)
    assert (await browser.visit(url)).status_code == 302
    browser.http.cookies.update(nonces)
    assert failure_of(await browser.visit(url)) == "invalid_state"
    assert (await browser.me()).status_code == 200


async def test_two_callbacks_with_one_state_make_one_session(site: Site, browser: Browser) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    answers = await asyncio.gather(*(browser.visit(url) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [302] + [307] * 7


async def test_a_code_is_good_for_one_callback(site: Site, browser: Browser) -> None:
    for provider in ("kakao", "naver"):
        used = query_of(await browser.at_provider(await browser.authorization_url(provider)))
        fresh = query_of(await browser.authorization_url(provider))["state"]
        base = site.callback(provider)
        assert (
            await browser.visit(f"{base}?code={used['code']}&state={used['state']}")
        ).is_redirect
        answer = await browser.visit(f"{base}?code={used['code']}&state={fresh}")
        assert failure_of(answer) == "provider_error"


async def test_a_callback_in_another_browser_signs_nobody_in(site: Site) -> None:
    async with Browser(site, app=OTHER_APP) as attacker, Browser(site) as victim:
        url = await attacker.at_provider(await attacker.authorization_url("kakao"))
        await victim.authorization_url("kakao")
        assert failure_of(await victim.visit(url), OTHER_APP) == "invalid_state"
        assert (await victim.me()).status_code == 401
        assert failure_of(await attacker.visit(url)) == "invalid_state"


async def test_a_guessed_cookie_is_not_the_browser_that_started(
    site: Site, browser: Browser
) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    name = cookie_name(query_of(url)["state"])
    nonce = browser.http.cookies[name]
    for sent in (f"{name}=guess", f"x{name}={nonce}", f"{name}={nonce}; {name}=guess", name):
        browser.http.cookies.clear()
        fresh = await browser.at_provider(await browser.authorization_url("kakao"))
        ours = cookie_name(query_of(fresh)["state"])
        browser.http.cookies.clear()
        value = sent.replace(name, ours)
        answer = await browser.http.get(fresh, headers={"cookie": value})
        assert answer.headers["location"] == f"{APP}/#/login?error=invalid_state"


async def test_a_state_of_another_provider_is_refused_and_used_up(
    site: Site, browser: Browser
) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    crossed = url.replace("/auth/kakao/", "/auth/naver/")
    assert failure_of(await browser.visit(crossed)) == "invalid_state"
    assert failure_of(await browser.visit(url)) == "invalid_state"
    assert not site.naver.seen


async def test_a_user_who_does_not_consent_is_back_where_he_was(site: Site) -> None:
    site.kakao.denies = site.naver.denies = True
    async with Browser(site, app=OTHER_APP) as browser:
        for provider in ("kakao", "naver"):
            assert failure_of(await browser.sign_in(provider), OTHER_APP) == "access_denied"
    assert not site.kakao.seen


async def test_other_errors_of_a_provider_are_not_repeated(site: Site, browser: Browser) -> None:
    state = query_of(await browser.authorization_url("kakao"))["state"]
    script = quote("<script>alert(1)</script>\r\nlocation: https://evil.example")
    answer = await browser.visit(f"{site.callback('kakao')}?error={script}&state={state}")
    assert failure_of(answer) == "provider_error"


@pytest.mark.parametrize(
    "query",
    [
        *("", "?", "?code=x", "?state=x", "?code=&state=", f"?code=x&state={'A' * 43}"),
        f"?code=x&state={'A' * 5000}",
        "?error=access_denied",
        "?code=x&state=*",
        "?code=x&state=%00%0d%0a",
        "?code=x&state=%ea%b0%80",
        "?code=x&state=..%2f..%2f",
        "?redirect_uri=https://evil.example&frontend_origin=https://evil.example",
        "?state[]=x&code[]=y",
        "?provider=naver&code=x&state=y",
        "?code.x=1&state=y",
    ],
)
async def test_a_callback_out_of_the_blue_ends_on_the_login_page(
    site: Site, browser: Browser, query: str
) -> None:
    answer = await browser.visit(site.callback("kakao") + query)
    assert failure_of(answer) == "invalid_state"


async def test_a_listed_origin_in_a_header_is_where_an_unknown_sign_in_ends(
    site: Site, browser: Browser
) -> None:
    for sent, origin in ((OTHER_APP, OTHER_APP), ("https://evil.example", APP), ("null", APP)):
        answer = await browser.http.get(site.callback("kakao"), headers={"x-frontend-origin": sent})
        assert failure_of(answer, origin) == "invalid_state"


@pytest.mark.parametrize("query", ["?code=x&state=x&code=y&state=y", "?code=%ff%fe&state=%ff"])
async def test_a_callback_that_no_service_can_read_ends_on_the_login_page_too(
    site: Site, browser: Browser, query: str
) -> None:
    assert failure_of(await browser.visit(site.callback("kakao") + query)) == "unavailable"


async def test_a_start_that_is_not_utf8_is_refused_as_such(site: Site, browser: Browser) -> None:
    answer = await browser.fetch("GET", "/api/v1/auth/kakao?frontend_origin=%ff")
    assert answer.status_code == 422
    assert answer.json()["details"][0]["reason"] == "VALIDATION_FAILED"


@pytest.mark.parametrize("code", ["", "x" * 5000, "가", "%00", "a%26client_secret=b%26code=c", "+"])
async def test_a_strange_code_ends_on_the_login_page(
    site: Site, browser: Browser, code: str
) -> None:
    state = query_of(await browser.authorization_url("naver"))["state"]
    answer = await browser.visit(f"{site.callback('naver')}?code={code}&state={state}")
    assert failure_of(answer) == "provider_error"
    for form in site.naver.seen:
        assert form["client_secret"] == site.naver.client_secret


def _text(text: str, status: int = 200, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=text, status=status, headers=more)

    return answer


def _padded(size: int) -> str:
    """What would do as an answer, were it shorter."""
    return json.dumps({"access_token": "t", "id": 5, "padding": "x" * size})


async def _echo(request: web.Request) -> web.StreamResponse:
    body = {"error": "invalid_request", "error_description": dict(await request.post())}
    return web.json_response(body, status=400, dumps=lambda value: json.dumps(value, default=str))


async def _packed(request: web.Request) -> web.StreamResponse:
    bomb = gzip.compress(_padded(10_000_000).encode())
    return web.Response(body=bomb, headers={"content-encoding": "gzip"})


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b"[" * 65_536)
    return response


async def _dropped(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


BAD: dict[str, tuple[Answer, str]] = {
    "no answer": (never, "provider_unavailable"),
    "dropped": (_dropped, "provider_unavailable"),
    "500": (_text("oops", 500), "provider_unavailable"),
    "503 JSON": (_text('{"error":"busy"}', 503), "provider_unavailable"),
    "429": (_text("slow down", 429), "provider_unavailable"),
    "404": (_text("<html>", 404), "provider_error"),
    "redirect": (_text("", 302, location="http://127.0.0.1:1/"), "provider_error"),
    "garbage": (_text("\x00\x01 not json"), "provider_error"),
    "empty": (_text(""), "provider_error"),
    "array": (_text("[]"), "provider_error"),
    "null": (_text("null"), "provider_error"),
    "nested": (_text("[" * 60_000), "provider_error"),
    "large": (_text(_padded(70_000)), "provider_error"),
    "endless": (_endless, "provider_error"),
    "packed": (_packed, "provider_error"),
    "nothing": (_text("{}"), "provider_error"),
    "error object": (_text('{"error":{"a":1}}'), "provider_error"),
    "wrong types": (_text('{"access_token":5,"id":{},"expires_in":"soon"}'), "provider_error"),
    "header": (_text('{"access_token":"a\\r\\nx: y","id":"\\u0000"}'), "provider_error"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("step", ["token", "profile"])
async def test_a_provider_that_misbehaves_leads_to_the_login_page(
    site: Site, browser: Browser, name: str, step: str
) -> None:
    answer, expected = BAD[name]
    setattr(site.kakao, f"{step}_answer", answer)
    started = time.monotonic()
    assert failure_of(await browser.sign_in("kakao")) == expected
    assert time.monotonic() - started < REQUEST_SECONDS + 10
    assert (await browser.me()).status_code == 401


async def test_nothing_secret_is_logged(
    site: Site, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp").setLevel(logging.WARNING)  # the providers' own logs
    secrets = set(browser.http.cookies.values())
    for answer in (None, _echo, _text("oops", 500)):
        site.naver.token_answer = answer
        url = await browser.at_provider(await browser.authorization_url("naver"))
        secrets |= {query_of(url)["code"], query_of(url)["state"], *browser.http.cookies.values()}
        await browser.visit(url)
    secrets |= {site.naver.client_secret, *site.naver.tokens, *browser.http.cookies.values()}
    ours = [record for record in caplog.records if record.name.startswith("services")]
    assert any("sign-in failed" in record.getMessage() for record in ours)
    said = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    for secret in secrets:
        assert secret not in said
    assert KEY not in said
