"""Talks to the sign-in providers: OAuth 2 authorization code flow over Authlib."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from prometheus_client import Histogram

from services.auth import id_token
from services.auth.bounded_transport import BoundedTransport, OversizedAnswerError
from services.auth.login_failure import Failure, LoginFailedError
from services.auth.oauth_settings import OAuthSettings, Registration
from services.auth.providers import Profile, ProfileError, Provider

USER_AGENT: Final = "eco2"

_ERROR_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOKEN_FORM: Final = re.compile(r"[\x21-\x7e]{1,8192}")
"""An access token that can stand in a header (RFC 6750, 2.1, and whatever providers make of it)."""

_SECONDS = Histogram(
    "auth_provider_request_seconds", "Requests to sign-in providers.", ["provider", "step"]
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attempt:
    """The secrets of one sign-in."""

    state: str
    redirect_uri: str
    code_verifier: str
    nonce: str


class OAuthClient:
    """Our side of the flow, for every provider."""

    def __init__(self, settings: OAuthSettings) -> None:
        self._limit_seconds = settings.oauth_request_seconds
        self._timeout = httpx2.Timeout(
            settings.oauth_request_seconds, connect=settings.oauth_connect_seconds
        )
        self._transport = BoundedTransport(settings.oauth_max_response_bytes)

    def authorization_url(
        self, provider: Provider, registration: Registration, attempt: Attempt
    ) -> str:
        """Where the browser goes to sign in."""
        extra = dict(provider.authorize_params)
        if provider.openid:
            extra["nonce"] = attempt.nonce
        url, _ = self._client(provider, registration, attempt).create_authorization_url(
            registration.authorize_url,
            state=attempt.state,
            code_verifier=attempt.code_verifier if provider.pkce else None,
            **extra,
        )
        return str(url)

    async def profile(
        self, provider: Provider, registration: Registration, attempt: Attempt, code: str
    ) -> Profile:
        """Who has signed in, for an authorization code; LoginFailedError."""
        async with self._client(provider, registration, attempt) as client:
            token = await self._token(client, provider, registration, attempt, code)
            document = await self._document(client, provider, registration, token)
        try:
            profile = provider.profile(document)
        except ProfileError as error:
            raise LoginFailedError(Failure.PROVIDER_ERROR, str(error)) from None
        if provider.openid and "id_token" in token:
            try:
                id_token.check(
                    token["id_token"],
                    issuer=registration.issuer,
                    client_id=registration.client_id,
                    nonce=attempt.nonce,
                    subject=profile.user_id,
                )
            except id_token.IdTokenError as error:
                raise LoginFailedError(Failure.PROVIDER_ERROR, str(error)) from None
        return profile

    async def close(self) -> None:
        """Close the connections to providers."""
        await self._transport.close()

    def _client(
        self, provider: Provider, registration: Registration, attempt: Attempt
    ) -> AsyncOAuth2Client:
        """A client for one sign-in (it keeps the sign-in's token) on the shared connections."""
        return AsyncOAuth2Client(
            client_id=registration.client_id,
            client_secret=registration.client_secret or None,
            token_endpoint_auth_method="client_secret_post"
            if registration.client_secret
            else "none",
            scope=provider.scope or None,
            redirect_uri=attempt.redirect_uri,
            code_challenge_method="S256" if provider.pkce else None,
            transport=self._transport,
            timeout=self._timeout,
            follow_redirects=False,
            headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
        )

    async def _token(
        self,
        client: AsyncOAuth2Client,
        provider: Provider,
        registration: Registration,
        attempt: Attempt,
        code: str,
    ) -> Mapping[str, Any]:
        form = {"code": code}
        if provider.pkce:
            form["code_verifier"] = attempt.code_verifier
        async with _step(provider.name, "token", self._limit_seconds):
            token = await client.fetch_token(
                registration.token_url,
                grant_type="authorization_code",
                # Authlib keeps a `state` argument to itself.
                body=urlencode({"state": attempt.state}) if provider.state_at_exchange else "",
                **form,
            )
        access = token.get("access_token")
        if not isinstance(access, str) or _TOKEN_FORM.fullmatch(access) is None:
            raise LoginFailedError(Failure.PROVIDER_ERROR, "the answer has no access token")
        return cast(Mapping[str, Any], token)

    async def _document(
        self,
        client: AsyncOAuth2Client,
        provider: Provider,
        registration: Registration,
        token: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        async with _step(provider.name, "profile", self._limit_seconds):
            answer = await client.request(
                "GET",
                registration.profile_url,
                withhold_token=True,
                headers={"authorization": f"Bearer {token['access_token']}"},
            )
            answer.raise_for_status()
            document = answer.json()
        if not isinstance(document, dict):
            raise LoginFailedError(Failure.PROVIDER_ERROR, "the profile is not a JSON object")
        return document


@asynccontextmanager
async def _step(provider: str, step: str, seconds: float) -> AsyncIterator[None]:
    """Bounds and measures a request, and says what its failure means."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        failed = _meaning(error, step)
        if failed is None:
            raise
        raise failed from None
    finally:
        _SECONDS.labels(provider, step).observe(time.perf_counter() - started)


def _meaning(error: Exception, step: str) -> LoginFailedError | None:
    """What an exception of a request means; None for one that says nothing about the provider.

    Texts of providers stay out: they may repeat what was sent.
    """
    if isinstance(error, AuthlibBaseError):
        code = error.error if isinstance(error.error, str) else ""
        shown = code if _ERROR_CODE.fullmatch(code) else "an error without a code"
        return LoginFailedError(Failure.PROVIDER_ERROR, f"{step}: refused with {shown}")
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        busy = status >= 500 or status == 429
        failure = Failure.PROVIDER_UNAVAILABLE if busy else Failure.PROVIDER_ERROR
        return LoginFailedError(failure, f"{step}: HTTP {status}")
    if isinstance(error, OversizedAnswerError):
        return LoginFailedError(Failure.PROVIDER_ERROR, f"{step}: the answer is too large")
    if isinstance(error, httpx2.RequestError | TimeoutError | OSError):
        return LoginFailedError(Failure.PROVIDER_UNAVAILABLE, f"{step}: {type(error).__name__}")
    if isinstance(error, ValueError | TypeError | RecursionError):
        return LoginFailedError(Failure.PROVIDER_ERROR, f"{step}: the answer makes no sense")
    return None
