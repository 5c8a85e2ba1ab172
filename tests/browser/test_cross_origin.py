"""A page of the app on an origin of its own, and the API on another: what a browser allows.

The page is `https://localhost:5173`, the app's development server, and the API is https on another
port of localhost, so both are of one site and the session's cookies (SameSite=Lax) are sent. The
browser is told where that port really is; nothing is intercepted, preflights are real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from mesh.local.ephemeral_stack import EphemeralStack
from services.cli.app_client import AppClient
from services.cli.demo import SAMPLE
from services.runtime.ports import HOST
from tests.browser.origins import APP, INSECURE, STRANGER
from tests.wait import until

pytestmark = pytest.mark.stack

FETCH = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        const text = await answer.text();
        return {status: answer.status, text, retryAfter: answer.headers.get('retry-after'),
                requestId: answer.headers.get('x-request-id')};
    } catch (error) { return {error: error.name}; }
}"""

WATCH = """(url) => {
    window.seen = []; window.opened = 0; window.ended = '';
    const source = new EventSource(url, {withCredentials: true});
    source.addEventListener('open', () => { window.opened += 1; });
    for (const name of ['queued', 'vision', 'rule', 'answer', 'reward', 'done'])
        source.addEventListener(name, (event) => {
            window.seen.push({id: event.lastEventId, name, ...JSON.parse(event.data)});
            if (name === 'done') { window.ended = 'done'; source.close(); }
        });
    source.addEventListener('error', (event) => {
        if (event.data || source.readyState === EventSource.CLOSED) window.ended = 'error';
    });
}"""

EVENTS = 10
"""Of a scan: queued, two a stage, done."""


@dataclass
class Wire:
    """Passes bytes between browser and edge, and can be cut."""

    target: int
    """Port of the edge on this machine."""
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    down: bool = False
    """Whether new connections are broken off as well."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until an end closes it."""
        if self.down:
            writer.transport.abort()
            return
        behind, out = await asyncio.open_connection(HOST, self.target)
        self.open |= {writer, out}
        try:
            await asyncio.gather(_pump(reader, out), _pump(behind, writer))
        finally:
            self.open -= {writer, out}
            writer.close()
            out.close()

    def cut(self) -> None:
        """Break every connection, as a phone that changes networks does."""
        for writer in self.open:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def serving(wire: Wire) -> AsyncIterator[None]:
    """The wire on a free port."""
    server = await asyncio.start_server(wire.serve, HOST, 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        wire.cut()
        server.close()


@dataclass
class Front:
    """A browser with a page of the app, and the API as it sees it."""

    context: BrowserContext
    page: Page
    wire: Wire

    @property
    def api(self) -> str:
        """Origin of the API."""
        return f"https://localhost:{self.wire.port}"

    async def fetch(self, path: str, page: Page | None = None, **options: Any) -> Any:
        """What a script of the page gets; `error` when it may not read it."""
        given = {"credentials": "include", **options}
        return await (page or self.page).evaluate(FETCH, [self.api + path, given])

    async def sign_in(self, token: str, name: str = "s_access") -> None:
        """Give the browser a cookie of a session, with the attributes it has (docs/app.md)."""
        await self.context.add_cookies(
            [
                {
                    "name": name,
                    "value": token,
                    "domain": "localhost",
                    "path": "/",
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )


@pytest.fixture(scope="module")
async def running(stack: EphemeralStack, browser: Browser) -> AsyncIterator[Front]:
    """A page of the app, opened once."""
    wire = Wire(stack.port("edge_https"))
    async with serving(wire):
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(APP)
        yield Front(context, page, wire)
        await context.close()


@pytest.fixture
async def front(running: Front) -> Front:
    """The browser without cookies."""
    await running.context.clear_cookies()
    return running


@pytest.fixture(scope="module")
def token(stack: EphemeralStack) -> str:
    return stack.token("browser-app")


async def test_cookies_go_along_and_answers_can_be_read(front: Front, token: str) -> None:
    await front.sign_in(token)
    answer = await front.fetch("/api/v1/users/me")
    assert answer["status"] == 200
    assert '"username":"browser-app"' in answer["text"]
    assert answer["requestId"], "an exposed header"
    without = await front.fetch("/api/v1/users/me", credentials="omit")
    assert without["status"] == 401


async def test_methods_and_headers_that_need_a_preflight(front: Front, token: str) -> None:
    await front.sign_in(token)
    renamed = await front.fetch(
        "/api/v1/users/me",
        method="PATCH",
        headers={"Content-Type": "application/json", "X-Frontend-Origin": APP},
        body='{"nickname":"앱"}',
    )
    assert (renamed["status"], '"nickname":"앱"' in renamed["text"]) == (200, True)
    gone = await front.fetch("/api/v1/scan/0f9b4c1e-8d1f-4a53-9d53-9a4c7d7e2b10", method="DELETE")
    assert (gone["status"], "JOB_NOT_FOUND" in gone["text"]) == (404, True)
    login = await front.fetch(
        "/api/v1/auth/google", headers={"X-Frontend-Origin": APP, "Cache-Control": "no-cache"}
    )
    assert (login["status"], "PROVIDER_NOT_CONFIGURED" in login["text"]) == (503, True)


@pytest.mark.parametrize(
    ("path", "options", "status", "reason"),
    [
        ("/api/v1/users/me", {}, 401, "TOKEN_MISSING"),
        ("/api/v1/auth/refresh", {"method": "POST"}, 401, "REFRESH_TOKEN_REQUIRED"),
        ("/api/v1/nothing", {}, 404, "ROUTE_NOT_FOUND"),
        ("/api/v1/users/me", {"method": "PUT", "body": "{}"}, 405, "METHOD_NOT_ALLOWED"),
        ("/api/v1/auth/facebook", {}, 422, "VALIDATION_FAILED"),
        ("/api/v1/scan/0f9b4c1e-8d1f-4a53-9d53-9a4c7d7e2b10/events", {}, 401, "TOKEN_MISSING"),
    ],
)
async def test_refusals_can_be_read(
    front: Front, path: str, options: dict[str, Any], status: int, reason: str
) -> None:
    answer = await front.fetch(path, **options)
    assert (answer["status"], f'"{reason}"' in answer["text"].replace(": ", ":")) == (status, True)


async def test_headers_that_are_too_large_are_the_known_exception(front: Front) -> None:
    """Envoy answers 431 before its filters run, so the page only learns that it failed."""
    answer = await front.fetch("/api/v1/users/me", headers={"X-Request-Id": "x" * 40_000})
    assert answer == {"error": "TypeError"}


async def test_refreshed_cookies_are_kept_by_the_browser(
    front: Front, stack: EphemeralStack
) -> None:
    issued = stack.eco2("token", "--user", "browser-refresh", "--json")
    refresh = issued.partition('"refresh_token": "')[2].partition('"')[0]
    await front.sign_in(refresh, "s_refresh")
    assert (await front.fetch("/api/v1/auth/refresh", method="POST"))["status"] == 201
    assert (await front.fetch("/api/v1/users/me"))["status"] == 200
    out = await front.fetch("/api/v1/auth/logout", method="POST")
    assert (out["status"], '"success":true' in out["text"]) == (200, True)
    assert await front.context.cookies() == []


async def test_a_stranger_reads_nothing_and_cannot_sign_a_browser_in(
    front: Front, token: str
) -> None:
    await front.sign_in(token)
    stranger = await front.context.new_page()
    await stranger.goto(STRANGER)
    for path, options in (
        ("/api/v1/users/me", {}),
        ("/api/v1/users/me", {"method": "DELETE"}),
        ("/docs", {}),
    ):
        assert "error" in await front.fetch(path, stranger, **options), (path, options)
    await front.context.clear_cookies()
    for page in (stranger, front.page):
        await front.fetch(
            "/playground/session",
            page,
            method="POST",
            headers={"Content-Type": "application/json"},
            body='{"name":"mina"}',
        )
    assert await front.context.cookies() == []
    await stranger.close()
    assert (await front.fetch("/docs"))["status"] == 200


async def test_page_of_another_scheme_is_another_site(front: Front, token: str) -> None:
    """SameSite counts the scheme: a page over http gets no cookies sent to an API over https."""
    await front.sign_in(token)
    page = await front.context.new_page()
    await page.goto(INSECURE)
    answer = await front.fetch("/api/v1/users/me", page)
    assert (answer["status"], "TOKEN_MISSING" in answer["text"]) == (401, True)
    await page.close()
    assert (await front.fetch("/api/v1/users/me"))["status"] == 200


async def submitted(stack: EphemeralStack, token: str) -> str:
    """Path of the events of a new scan."""
    async with AppClient(stack.base_url, token) as app:
        photo = await app.upload(await asyncio.to_thread(SAMPLE.read_bytes), "a.jpg", "image/jpeg")
        return (await app.submit(photo)).stream_url


async def watched(front: Front) -> list[dict[str, Any]]:
    """What the page has seen when its stream has ended."""
    await front.page.wait_for_function("window.ended", timeout=60_000)
    assert await front.page.evaluate("window.ended") == "done"
    seen: list[dict[str, Any]] = await front.page.evaluate("window.seen")
    numbers = [event["seq"] for event in seen]
    assert numbers == sorted(set(numbers))
    assert len(seen) == EVENTS, [(event["name"], event["status"]) for event in seen]
    return seen


async def test_event_stream_with_credentials(
    front: Front, stack: EphemeralStack, token: str
) -> None:
    await front.sign_in(token)
    await front.page.evaluate(WATCH, front.api + await submitted(stack, token))
    seen = await watched(front)
    assert seen[-1]["result"]["status"] == "completed"
    assert await front.page.evaluate("window.opened") == 1


async def test_event_stream_that_is_cut_goes_on_where_it_was(
    front: Front, stack: EphemeralStack, token: str
) -> None:
    await front.sign_in(token)
    await front.page.evaluate(WATCH, front.api + await submitted(stack, token))
    await front.page.wait_for_function("window.seen.some((event) => event.name === 'vision')")
    front.wire.cut()
    await watched(front)
    assert await front.page.evaluate("window.opened") == 2


async def test_event_stream_goes_on_at_another_bridge(
    front: Front, stack: EphemeralStack, token: str
) -> None:
    """The bridge is killed while the network is away; the one after it has never seen the page."""
    await front.sign_in(token)
    await front.page.evaluate(WATCH, front.api + await submitted(stack, token))
    await front.page.wait_for_function("window.seen.some((event) => event.name === 'vision')")
    front.wire.down = True
    front.wire.cut()
    killed = stack.kill("progress")
    await until(
        lambda: stack.status("progress").state == "ready" and stack.pid("progress") != killed,
        within_seconds=30,
        what="the bridge again",
    )
    front.wire.down = False
    await watched(front)


async def test_event_stream_without_a_session_is_closed_for_good(front: Front) -> None:
    await front.page.evaluate(WATCH, f"{front.api}/api/v1/scan/0f9b4c1e-8d1f-4a53/events")
    await front.page.wait_for_function("window.ended")
    assert await front.page.evaluate("window.ended") == "error"
    assert await front.page.evaluate("window.opened") == 0
