"""The client of external services against a real HTTP server."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from services.runtime.context import ProcessContext
from services.runtime.outbound import (
    AddressForbiddenError,
    Answer,
    Outbound,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
    Policy,
    client,
)
from services.runtime.settings import RuntimeSettings
from tests.stranger import Stranger, always, first, listening, never
from tests.wait import until


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    """The server."""
    async with listening() as made:
        yield made


@asynccontextmanager
async def calling(**rules: Any) -> AsyncIterator[Outbound]:
    """A client under a policy."""
    usual: dict[str, Any] = {"name": "stranger", "timeout_seconds": 2.0, "backoff_seconds": 0.001}
    context = ProcessContext(RuntimeSettings())
    try:
        yield await client(context, Policy(**{**usual, **rules}))
    finally:
        await context.close()


async def test_a_read_is_repeated_after_a_passing_failure(stranger: Stranger) -> None:
    stranger.answer = first(503, 500, then=always())
    async with calling(attempts=3) as http:
        assert await http.get_json(stranger.url, params={"q": "값 1"}) == {"ok": True}
    assert [request.query["q"] for request in stranger.asked] == ["값 1"] * 3


async def test_a_refusal_is_not_repeated(stranger: Stranger) -> None:
    stranger.answer = always(404)
    async with calling(attempts=3) as http:
        with pytest.raises(OutboundRefused) as caught:
            await http.get(stranger.url)
    assert caught.value.status == 404
    assert len(stranger.asked) == 1


async def test_a_post_is_repeated_only_when_it_may_be(stranger: Stranger) -> None:
    stranger.answer = first(503, 503, then=always())
    async with calling(attempts=3) as http:
        with pytest.raises(OutboundUnavailable):
            await http.post_json(stranger.url, {"a": 1})
        assert await http.post_json(stranger.url, {"a": 1}, repeatable=True) == {"ok": True}
    assert len(stranger.asked) == 3


async def test_a_short_retry_after_is_waited_out_and_a_long_one_is_not(stranger: Stranger) -> None:
    stranger.answer = first(then=always(429, Retry_After="60"))
    async with calling(attempts=3) as http:
        with pytest.raises(OutboundUnavailable) as caught:
            await http.get(stranger.url)
    assert caught.value.retry_after_seconds == 60
    assert len(stranger.asked) == 1


async def test_a_server_that_never_answers_costs_the_time_out_and_no_more(
    stranger: Stranger,
) -> None:
    stranger.answer = never
    async with calling(attempts=2, timeout_seconds=0.4) as http:
        with pytest.raises(OutboundUnavailable, match=r"within 0\.4 s"):
            await http.get(stranger.url)
    assert len(stranger.asked) == 2


async def test_a_body_that_drips_is_cut_off_by_the_time_out(stranger: Stranger) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    stranger.answer = drip
    async with calling(attempts=1, timeout_seconds=0.1) as http:
        with pytest.raises(OutboundUnavailable):
            await http.get(stranger.url)


async def test_a_large_body_is_not_read(stranger: Stranger) -> None:
    written = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65_536))
            written += 65_536

    stranger.answer = flood
    async with calling(max_bytes=100_000) as http:
        with pytest.raises(OutboundInvalid, match="more than 100000 bytes"):
            await http.get(stranger.url)
        cut = await http.get(stranger.url, max_bytes=1000, truncate=True)
    assert (len(cut.body), cut.complete) == (1000, False)
    assert written < 50_000_000


async def test_packed_answers_are_refused(stranger: Stranger) -> None:
    stranger.answer = always(body=gzip.compress(bytes(10_000)), Content_Encoding="gzip")
    async with calling() as http:
        with pytest.raises(OutboundInvalid, match="packed"):
            await http.get(stranger.url)
    assert stranger.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_json(stranger: Stranger, body: bytes) -> None:
    stranger.answer = always(body=body)
    async with calling() as http:
        with pytest.raises(OutboundInvalid, match="not JSON"):
            await http.get_json(stranger.url)


async def test_after_failures_the_server_is_left_alone(stranger: Stranger) -> None:
    stranger.answer = always(503)
    async with calling(attempts=1, breaker_failures=2, breaker_open_seconds=600) as http:
        for _ in range(2):
            with pytest.raises(OutboundUnavailable, match="503"):
                await http.get(stranger.url)
        with pytest.raises(OutboundUnavailable, match="left alone"):
            await http.get(stranger.url)
    assert len(stranger.asked) == 2


async def test_a_server_that_was_left_alone_is_tried_again(stranger: Stranger) -> None:
    stranger.answer = always(503)
    async with calling(attempts=1, breaker_failures=1, breaker_open_seconds=0.05) as http:
        with pytest.raises(OutboundUnavailable, match="503"):
            await http.get(stranger.url)
        stranger.answer = always()

        async def back() -> bool:
            try:
                return bool((await http.get(stranger.url)).status == 200)
            except OutboundUnavailable:
                return False

        await until(back, within_seconds=10)


async def test_good_answers_are_used_again_and_bad_ones_are_not(stranger: Stranger) -> None:
    stranger.answer = first(500, then=always())
    async with calling(attempts=1, cache_seconds=60) as http:
        with pytest.raises(OutboundUnavailable):
            await http.get(stranger.url)
        for _ in range(3):
            await http.get(stranger.url, params={"page": "1"})
        await http.get(stranger.url, params={"page": "2"})
    assert len(stranger.asked) == 3


async def test_a_failure_with_a_good_status_is_neither_kept_nor_counted_as_an_answer(
    stranger: Stranger,
) -> None:
    def words(answer: Answer) -> list[bytes]:
        if b"busy" in answer.body:
            raise OutboundUnavailable("busy")
        return answer.body.split()

    stranger.answer = always(body=b"busy")
    rules = {"cache_seconds": 60, "breaker_failures": 4, "breaker_open_seconds": 600}
    async with calling(attempts=2, **rules) as http:
        for _ in range(2):
            with pytest.raises(OutboundUnavailable, match="busy"):
                await http.read(stranger.url, words)
        assert len(stranger.asked) == 4
        with pytest.raises(OutboundUnavailable, match="left alone"):
            await http.read(stranger.url, words)
    async with calling(attempts=2, **rules) as http:
        stranger.answer = always(body=b"all fine")
        asked = len(stranger.asked)
        first = await http.read(stranger.url, words)
        assert first == [b"all", b"fine"]
        assert await http.read(stranger.url, words) is first, "read once"
        assert len(stranger.asked) == asked + 1
        # another reading of the same page is not mistaken for it
        assert (await http.get(stranger.url)).body == b"all fine"


async def test_strangers_urls_lead_to_public_addresses_only(stranger: Stranger) -> None:
    stranger.answer = always()
    async with calling(public_only=True, attempts=1) as http:
        for url in (
            stranger.url,
            "http://127.0.0.1/",
            "http://localhost/",  # forbidden by what the name resolves to
            "http://[::1]/",
            "http://2130706433/",
            "http://0x7f.1/",
        ):
            with pytest.raises((AddressForbiddenError, OutboundUnavailable)):
                await http.get(url)
        with pytest.raises(AddressForbiddenError):
            await http.get("http://localhost/")
    assert not stranger.asked


async def test_a_redirect_to_a_private_address_is_not_followed(stranger: Stranger) -> None:
    stranger.answer = always(302, Location="http://10.0.0.1/secret")
    async with calling(
        public_only=True, also_allowed=("127.0.0.0/8",), max_redirects=3, attempts=1
    ) as http:
        with pytest.raises(AddressForbiddenError, match=r"10\.0\.0\.1"):
            await http.get(stranger.url)
    assert len(stranger.asked) == 1


async def test_redirects_are_followed_as_far_as_the_policy_says(stranger: Stranger) -> None:
    async def hop(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        if not left:
            return web.Response(text="there")
        return web.Response(status=302, headers={"location": f"?left={left - 1}"})

    stranger.answer = hop
    async with calling(max_redirects=2) as http:
        assert (await http.get(f"{stranger.url}?left=2")).body == b"there"
        with pytest.raises(OutboundRefused, match="redirected too often"):
            await http.get(f"{stranger.url}?left=3")
    async with calling() as http:
        with pytest.raises(OutboundRefused):
            await http.get(f"{stranger.url}?left=1")


async def test_keys_are_not_sent_on_to_another_server(stranger: Stranger) -> None:
    stranger.answer = first(then=always(302, Location=f"http://localhost:{stranger.port}/other"))
    async with calling(max_redirects=1) as http:
        with pytest.raises(OutboundRefused):
            await http.get(stranger.url, headers={"authorization": "KakaoAK secret"})
    assert stranger.asked[0].headers["authorization"] == "KakaoAK secret"
    assert "authorization" not in stranger.asked[1].headers


async def test_errors_tell_no_secrets(stranger: Stranger) -> None:
    stranger.answer = always(403)
    async with calling() as http:
        with pytest.raises(OutboundRefused) as caught:
            await http.get(stranger.url, params={"serviceKey": "hush"}, headers={"x-key": "hush"})
    assert "hush" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_what_is_no_url_is_refused() -> None:
    async with calling() as http:
        for url in ("http://[", "not a url at all"):
            with pytest.raises((OutboundRefused, OutboundUnavailable)):
                await http.get(url)


async def test_waiting_is_drawn_evenly_below_a_doubling_ceiling() -> None:
    policy = Policy(name="x", backoff_seconds=0.2)
    chance = random.Random(1)
    for attempt, ceiling in ((1, 0.2), (2, 0.4), (3, 0.8), (20, 5.0)):
        drawn = [policy.backoff(attempt, chance) for _ in range(200)]
        assert all(0 <= value <= ceiling for value in drawn)
        assert max(drawn) > ceiling * 0.9


async def test_one_session_serves_clients_of_a_kind() -> None:
    context = ProcessContext(RuntimeSettings())
    try:
        one = await client(context, Policy(name="one"))
        two = await client(context, Policy(name="two"))
        assert one._session is two._session
        assert one is await client(context, Policy(name="one"))
        assert isinstance(one._session, aiohttp.ClientSession)
    finally:
        await context.close()
