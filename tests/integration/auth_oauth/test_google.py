"""Google's flow against a real OpenID provider."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration.auth_oauth.openid_provider import openid_provider, sign_in
from tests.integration.auth_oauth.site import (
    APP,
    GOOGLE_CLIENT,
    Browser,
    Site,
    failure_of,
    query_of,
)
from tests.serving import row

pytestmark = pytest.mark.parts


@pytest_asyncio.fixture(scope="module")
async def provider(running: Site) -> AsyncIterator[str]:
    """The OpenID provider."""
    port, callbacks = running.google_port, [running.callback("google")]
    async with openid_provider(port, *GOOGLE_CLIENT, callbacks) as base_url:
        yield base_url


async def _to_callback(browser: Browser, login: str, *, consent: bool = True) -> str:
    url = await browser.authorization_url("google")
    return await sign_in(browser.http, url, login, consent=consent)


async def test_sign_in_with_an_openid_provider(site: Site, browser: Browser, provider: str) -> None:
    url = await _to_callback(browser, "minji")
    assert query_of(url)["iss"] == provider
    answer = await browser.visit(url)
    assert answer.headers["location"] == f"{APP}/#/home"
    me = (await browser.me()).json()
    assert (me["provider"], me["nickname"]) == ("google", "Given minji")
    kept = await row(
        site.database,
        "SELECT * FROM users.social_accounts WHERE provider = 'google' "
        "AND provider_user_id = 'minji'",
    )
    assert kept is not None
    assert "minji@example.com" in kept.values()


async def test_declined_consent_leads_to_the_login_page(
    site: Site, browser: Browser, provider: str
) -> None:
    url = await _to_callback(browser, "minji", consent=False)
    assert failure_of(await browser.visit(url)) == "access_denied"


async def test_a_code_stolen_from_another_sign_in_is_refused(
    site: Site, browser: Browser, provider: str
) -> None:
    """The code of a victim in an attacker's own sign-in: PKCE holds it to the victim's."""
    async with Browser(site) as attacker:
        stolen = query_of(await _to_callback(browser, "victim"))["code"]
        own = query_of(await attacker.authorization_url("google"))["state"]
        answer = await attacker.visit(f"{site.callback('google')}?code={stolen}&state={own}")
        assert failure_of(answer) == "provider_error"


async def test_a_code_is_good_for_one_sign_in(site: Site, browser: Browser, provider: str) -> None:
    url = await _to_callback(browser, "minji")
    assert (await browser.visit(url)).status_code == 302
    fresh = query_of(await browser.authorization_url("google"))["state"]
    replayed = f"{site.callback('google')}?code={query_of(url)['code']}&state={fresh}"
    assert failure_of(await browser.visit(replayed)) == "provider_error"


async def test_the_provider_sees_only_registered_callbacks(
    site: Site, browser: Browser, provider: str
) -> None:
    started = await browser.start(
        "google", redirect_uri=f"{site.edge.base_url}/api/v1/auth/google/callback"
    )
    page: httpx.Response = await browser.http.get(started.json()["data"]["authorization_url"])
    assert page.status_code == 400
