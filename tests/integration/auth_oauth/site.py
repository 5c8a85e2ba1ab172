"""The site under test: real services behind the real edge, with providers on loopback; and a
browser to visit it with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.auth.app import build as build_auth
from services.character.app import build as build_character
from services.runtime.ports import HOST
from services.users.app import build as build_users
from tests.contract.edge import Edge, running_edge
from tests.integration.auth_oauth.stand_ins import Kakao, Naver, StandIn, running
from tests.serving import led_to, migrated, serving

APP: Final = "https://localhost:5173"
"""The app's origin in these tests; nothing listens there."""

OTHER_APP: Final = "https://frontend1.dev.growbin.app"

GOOGLE_CLIENT: Final = ("google-client", "google-client-secret-of-the-tests")

REQUEST_SECONDS: Final = 1.0
"""Longest request to a provider, shortened."""


@dataclass
class Site:
    """What runs."""

    edge: Edge
    environ: Mapping[str, str]
    kakao: Kakao
    naver: Naver
    database: str
    google_port: int

    def callback(self, provider: str) -> str:
        """Callback address of a provider."""
        return f"{self.edge.https_url}/api/v1/auth/{provider}/callback"

    def provider(self, name: str) -> StandIn:
        """A stand-in by name."""
        found: StandIn = getattr(self, name)
        return found


@asynccontextmanager
async def running_site(parts: EphemeralParts, folder: Path) -> AsyncIterator[Site]:
    """Start everything."""
    database = parts.postgres_url("oauth")
    async with AsyncExitStack() as stack:
        block = PortBlock()
        stack.callback(block.close)
        kakao = Kakao("kakao-client", "")
        naver = Naver("naver-client", "naver-client-secret-of-the-tests")
        google_port = block.take()
        environ = {
            **parts.environ,
            **await migrated(database),
            **block.table(),
            "ECO2_REDIS_URL": parts.redis_url,
            "ECO2_FRONTEND_ORIGIN": APP,
            "ECO2_OAUTH_REQUEST_SECONDS": str(REQUEST_SECONDS),
            "ECO2_LOGIN_ATTEMPTS_PER_MINUTE": "0",  # everybody here has one address
            "ECO2_OAUTH_GOOGLE_CLIENT_ID": GOOGLE_CLIENT[0],
            "ECO2_OAUTH_GOOGLE_CLIENT_SECRET": GOOGLE_CLIENT[1],
            **_endpoints("GOOGLE", f"http://{HOST}:{google_port}", "/auth"),
            "ECO2_OAUTH_GOOGLE_ISSUER": f"http://{HOST}:{google_port}",
        }
        for name, provider in (("KAKAO", kakao), ("NAVER", naver)):
            await stack.enter_async_context(running(provider))
            environ |= {
                f"ECO2_OAUTH_{name}_CLIENT_ID": provider.client_id,
                f"ECO2_OAUTH_{name}_CLIENT_SECRET": provider.client_secret,
                **_endpoints(name, provider.base_url, "/authorize"),
            }
        builders = (build_auth, build_users, build_character)
        await stack.enter_async_context(serving(builders, environ, reads=True))
        upstream = led_to(environ, "auth", "users", "character")
        edge = await stack.enter_async_context(running_edge(folder, environ | upstream))
        yield Site(edge, environ, kakao, naver, database, google_port)


def _endpoints(name: str, base: str, authorize: str) -> dict[str, str]:
    return {
        f"ECO2_OAUTH_{name}_AUTHORIZE_URL": f"{base}{authorize}",
        f"ECO2_OAUTH_{name}_TOKEN_URL": f"{base}/token",
        f"ECO2_OAUTH_{name}_PROFILE_URL": f"{base}/me",
    }


class Browser:
    """A browser with a cookie jar, on which the app runs. It doesn't open the app's own pages."""

    def __init__(self, site: Site, *, app: str = APP, agent: str = "Browser/1.0 (tests)") -> None:
        self.site = site
        self.app = app
        self.http = httpx.AsyncClient(
            verify=site.edge.trust, timeout=15, trust_env=False, headers={"user-agent": agent}
        )

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.http.aclose()

    async def fetch(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request of the app's scripts, with credentials."""
        headers = {"origin": self.app, **more.pop("headers", {})}
        return await self.http.request(
            method, f"{self.site.edge.https_url}{path}", headers=headers, **more
        )

    async def start(self, provider: str, **query: str) -> httpx.Response:
        """What the app does when a login button is pressed."""
        return await self.fetch(
            "GET",
            f"/api/v1/auth/{provider}",
            params={"redirect_uri": self.site.callback(provider), **query},
            headers={"x-frontend-origin": self.app},
        )

    async def authorization_url(self, provider: str) -> str:
        """Where the app goes after it."""
        started = await self.start(provider)
        assert started.status_code == 200, started.text
        return str(started.json()["data"]["authorization_url"])

    async def at_provider(self, url: str) -> str:
        """Visit a stand-in's login page; the callback address it sends the browser to."""
        answer = await self.http.get(url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def visit(self, url: str) -> httpx.Response:
        """Open an address of the edge, without following where it leads."""
        return await self.http.get(url, headers={"referer": f"http://{HOST}/"})

    async def sign_in(self, provider: str) -> httpx.Response:
        """The whole way; the callback's answer."""
        url = await self.authorization_url(provider)
        return await self.visit(await self.at_provider(url))

    async def me(self) -> httpx.Response:
        """The profile of whoever is signed in."""
        return await self.fetch("GET", "/api/v1/users/me")


def query_of(url: str) -> dict[str, str]:
    """Query members of a URL."""
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def failure_of(answer: httpx.Response, app: str = APP) -> str:
    """The short code of a failed callback, which must be a redirect to the app's login page with
    neither session nor body.
    """
    assert answer.status_code == 307, answer.text
    page, _, code = answer.headers["location"].partition("?error=")
    assert page == f"{app}/#/login"
    assert answer.content == b""
    assert "content-type" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("s_login_")
        assert "Max-Age=0" in cookie
    return code
