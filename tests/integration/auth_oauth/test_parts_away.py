"""A sign-in while something it needs is away, on replicas of the auth domain that lack it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from mesh.local.free_ports import PortBlock
from services.auth.app import build as build_auth
from services.runtime.ports import HOST
from services.runtime.remote import domain_error
from tests.integration.auth_oauth.site import APP, Browser, Site, query_of
from tests.serving import serving

pytestmark = pytest.mark.parts

NOBODY = f"{HOST}:9"
"""Nothing listens there."""


@asynccontextmanager
async def _replica(site: Site, changes: Mapping[str, str]) -> AsyncIterator[Any]:
    block = PortBlock()
    try:
        environ = {**site.environ, "ECO2_PORT_AUTH": str(block.take()), **changes}
        async with (
            serving((build_auth,), environ),
            grpc.aio.insecure_channel(f"{HOST}:{environ['ECO2_PORT_AUTH']}") as channel,
        ):
            yield AuthServiceStub(channel)
    finally:
        block.close()


async def _callback(stub: Any, browser: Browser, provider: str, url: str) -> dict[str, str]:
    """Send a callback straight to a replica; the initial metadata of its answer."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    query = query_of(url)
    call = stub.OAuthCallback(
        pb.OAuthCallbackRequest(provider=provider, code=query["code"], state=query["state"]),
        metadata=(("cookie", cookie),),
    )
    await call
    return {key: value for key, value in await call.initial_metadata() if key != "set-cookie"}


async def test_without_redis_a_start_is_503_and_a_callback_leads_to_the_login_page(
    site: Site, browser: Browser
) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    async with _replica(site, {"ECO2_REDIS_URL": f"redis://{NOBODY}/0"}) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.StartLogin(pb.StartLoginRequest(provider="kakao"))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        sent = await _callback(stub, browser, "kakao", url)
    assert sent["x-http-status"] == "307"
    assert sent["location"] == f"{APP}/#/login?error=unavailable"


@pytest.mark.parametrize(
    "changes",
    [
        {"ECO2_GRPC_USERS": NOBODY},
        {"ECO2_OAUTH_KAKAO_TOKEN_URL": f"http://{NOBODY}/"},
        {"ECO2_OAUTH_KAKAO_CLIENT_ID": ""},
        {"ECO2_OAUTH_KAKAO_CLIENT_ID": "of-another-app"},
    ],
    ids=["users", "provider", "not configured", "refused client"],
)
async def test_a_callback_that_lacks_something_leads_to_the_login_page(
    site: Site, browser: Browser, changes: dict[str, str]
) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    async with _replica(site, changes) as stub:
        sent = await _callback(stub, browser, "kakao", url)
    assert sent["x-http-status"] == "307"
    code = {
        "ECO2_GRPC_USERS": "unavailable",
        "ECO2_OAUTH_KAKAO_TOKEN_URL": "provider_unavailable",
    }.get(next(iter(changes)), "provider_error" if all(changes.values()) else "oauth_failed")
    assert sent["location"] == f"{APP}/#/login?error={code}"


async def test_a_provider_that_is_not_configured_is_a_clear_503(site: Site) -> None:
    async with _replica(site, {"ECO2_OAUTH_NAVER_CLIENT_SECRET": ""}) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.StartLogin(pb.StartLoginRequest(provider="naver"))
        error = domain_error(refused.value, "auth")
        assert error is not None
        assert (error.meaning.name, error.meaning.http_status) == (
            *("PROVIDER_NOT_CONFIGURED", 503),
        )
        assert error.metadata["provider"] == "naver"
        assert (await stub.StartLogin(pb.StartLoginRequest(provider="kakao"))).success


async def test_kakao_sends_its_secret_where_it_has_one(site: Site, browser: Browser) -> None:
    url = await browser.at_provider(await browser.authorization_url("kakao"))
    site.kakao.client_secret = "kakao-secret-of-the-tests"
    try:
        changes = {"ECO2_OAUTH_KAKAO_CLIENT_SECRET": site.kakao.client_secret}
        async with _replica(site, changes) as stub:
            sent = await _callback(stub, browser, "kakao", url)
    finally:
        site.kakao.client_secret = ""
    assert sent["location"] == f"{APP}/#/home"
