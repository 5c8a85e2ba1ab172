"""Signing in with a provider: the way there and the way back.

The way there answers like any call. The way back is a navigation of the browser, so whatever goes
wrong on it ends on the app's login page and never on an error page of ours.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from eco2.auth.v1 import auth_service_pb2 as pb
from eco2.auth.v1 import session_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import users_service_pb2 as users_pb
from google.protobuf import empty_pb2
from prometheus_client import Counter

from services.auth import cookies, login_state, origins
from services.auth.login_failure import Failure, LoginFailedError
from services.auth.login_state import LoginState, LoginStates
from services.auth.oauth_client import Attempt, OAuthClient
from services.auth.oauth_settings import OAuthSettings, Registration
from services.auth.providers import PROVIDERS, Profile, Provider, printable
from services.auth.sessions import Issued
from services.auth.visitor import Headers
from services.runtime import logs, reply
from services.runtime.errors import DomainError
from services.runtime.interceptors.errors import domain_error_of
from services.runtime.limits import RateLimiter, network_of

log = logs.get(__name__)

CALLBACK_SECONDS: Final = 22.0
"""Longest a callback works: two requests to the provider (8 s each), the account and the session;
below the RPC's own limit of 25 s, which would answer with an error page."""

ACCOUNT_SECONDS: Final = 4.0

MAX_CODE: Final = 4096
"""Longest authorization code that is passed on."""

_LOGINS = Counter("auth_logins_total", "Sign-ins that came back.", ["provider", "outcome"])


StartSession = Callable[[str, str, str, str, str], Awaitable[Issued]]
"""Starts and audits a session of a user whose account is known to exist: user id, provider, device
id, user agent, address."""

GetOrCreate = Callable[..., Awaitable[users_pb.GetOrCreateFromOAuthResponse]]
"""``UsersService.GetOrCreateFromOAuth`` of a stub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A sign-in that has begun."""

    state: str
    authorization_url: str
    expires_at: datetime


class LoginHandlers:
    """The RPCs of a sign-in."""

    def __init__(
        self,
        settings: OAuthSettings,
        states: LoginStates,
        client: OAuthClient,
        get_or_create: GetOrCreate,
        start_session: StartSession,
        *,
        starts: RateLimiter,
        callbacks: RateLimiter,
        cookie_domain: str = "",
    ) -> None:
        self._settings = settings
        self._states = states
        self._client = client
        self._get_or_create = get_or_create
        self._start_session = start_session
        self._starts = starts
        self._callbacks = callbacks
        self._cookie_domain = cookie_domain

    async def start_login(
        self, request: pb.StartLoginRequest, context: Any
    ) -> pb.StartLoginResponse:
        """Begin a sign-in."""
        started = await self._started(request, Headers(context.invocation_metadata() or ()))
        data = session_pb2.LoginStart(
            provider=request.provider,
            state=started.state,
            authorization_url=started.authorization_url,
        )
        data.expires_at.FromDatetime(started.expires_at)
        return pb.StartLoginResponse(success=True, data=data)

    async def authorization_url(
        self, request: pb.GetAuthorizationUrlRequest, context: Any
    ) -> pb.GetAuthorizationUrlResponse:
        """Begin a sign-in, answered in the shorter shape."""
        started = await self._started(request, Headers(context.invocation_metadata() or ()))
        return pb.GetAuthorizationUrlResponse(
            authorization_url=started.authorization_url, state=started.state
        )

    async def callback(self, request: pb.OAuthCallbackRequest, context: Any) -> empty_pb2.Empty:
        """End a sign-in: 302 into the app with a session, 307 to its login page without."""
        headers = Headers(context.invocation_metadata() or ())
        origin = self._fallback(headers)
        provider = request.provider if request.provider in PROVIDERS else "unknown"
        try:
            async with asyncio.timeout(CALLBACK_SECONDS):
                await self._callbacks.check(network_of(headers.visitor().address))
                login = await self._states.take(request.state)
                origin = (login and login.frontend_origin) or origin
                issued = await self._signed_in(request, login, headers)
        except Exception as error:
            failed = _failure_of(error)
            log.warning(
                "sign-in failed", provider=provider, error=failed.failure, reason=failed.detail
            )
            outcome = str(failed.failure)
            location = origins.login_page(origin, outcome)
            reply.other_status(307)
        else:
            outcome, location = "signed_in", origins.home(origin)
            for cookie in cookies.session_cookies(issued, datetime.now(UTC), self._cookie_domain):
                reply.header("set-cookie", cookie)
        _LOGINS.labels(provider, outcome).inc()
        reply.header("location", location)
        cookie_name = login_state.cookie_name(request.state)
        if headers.cookie(cookie_name):
            reply.header("set-cookie", login_state.cleared(cookie_name))
        _never_kept()
        return empty_pb2.Empty()

    async def _started(
        self, request: pb.StartLoginRequest | pb.GetAuthorizationUrlRequest, headers: Headers
    ) -> Started:
        await self._starts.check(network_of(headers.visitor().address))
        provider = PROVIDERS[request.provider]
        registration = self._registration(provider)
        origin = self._origin(request, headers)
        attempt = Attempt(
            state=secrets.token_urlsafe(32),
            redirect_uri=self._redirect_uri(request, provider, registration),
            code_verifier=secrets.token_urlsafe(64),
            nonce=secrets.token_urlsafe(32),
        )
        browser = secrets.token_urlsafe(32)
        seconds = self._settings.oauth_state_seconds
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._states.put(
            attempt.state,
            LoginState(
                provider=provider.name,
                redirect_uri=attempt.redirect_uri,
                code_verifier=attempt.code_verifier,
                nonce=attempt.nonce,
                device_id=printable(request.device_id),
                frontend_origin=origin,
                browser=login_state.digest(browser),
            ),
        )
        for name in login_state.surplus(headers.cookie_names()):
            reply.header("set-cookie", login_state.cleared(name))
        reply.header("set-cookie", login_state.cookie(attempt.state, browser, seconds))
        _never_kept()
        return Started(
            state=attempt.state,
            authorization_url=self._client.authorization_url(provider, registration, attempt),
            expires_at=expires_at,
        )

    async def _signed_in(
        self, request: pb.OAuthCallbackRequest, login: LoginState | None, headers: Headers
    ) -> Issued:
        if login is None:
            raise LoginFailedError(Failure.INVALID_STATE, "the state is unknown")
        if login.provider != request.provider:
            raise LoginFailedError(Failure.INVALID_STATE, "the state is of another provider")
        if not login.started_by(headers.cookie(login_state.cookie_name(request.state))):
            raise LoginFailedError(Failure.INVALID_STATE, "the state is of another browser")
        if request.error == Failure.ACCESS_DENIED:
            raise LoginFailedError(Failure.ACCESS_DENIED, "the user did not consent")
        if request.error:
            raise LoginFailedError(Failure.PROVIDER_ERROR, "the provider sent an error back")
        if not 0 < len(request.code) <= MAX_CODE:
            raise LoginFailedError(Failure.PROVIDER_ERROR, "there is no usable code")
        provider = PROVIDERS[login.provider]
        attempt = Attempt(
            state=request.state,
            redirect_uri=login.redirect_uri,
            code_verifier=login.code_verifier,
            nonce=login.nonce,
        )
        profile = await self._client.profile(
            provider, self._registration(provider), attempt, request.code
        )
        user_id = await self._account(provider, profile)
        visitor = headers.visitor()
        return await self._start_session(
            user_id, provider.name, login.device_id, visitor.user_agent, visitor.address
        )

    async def _account(self, provider: Provider, profile: Profile) -> str:
        found = await self._get_or_create(
            users_pb.GetOrCreateFromOAuthRequest(
                provider=provider.name,
                provider_user_id=profile.user_id,
                email=profile.email,
                nickname=profile.nickname,
                profile_image_url=profile.picture_url,
            ),
            timeout=ACCOUNT_SECONDS,
        )
        return str(found.user.user_id)

    def _registration(self, provider: Provider) -> Registration:
        registration = self._settings.registration(provider.name)
        if registration is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_PROVIDER_NOT_CONFIGURED,
                "the provider has no client in this deployment",
                metadata={"provider": provider.name},
            )
        return registration

    def _origin(
        self, request: pb.StartLoginRequest | pb.GetAuthorizationUrlRequest, headers: Headers
    ) -> str:
        asked = request.frontend_origin or headers.first("x-frontend-origin")
        if not asked:
            return ""
        origin = origins.allowed_origin(asked, self._settings.cors_origins)
        if origin is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_ORIGIN_NOT_ALLOWED, "the origin is not in the list"
            )
        return origin

    def _redirect_uri(
        self,
        request: pb.StartLoginRequest | pb.GetAuthorizationUrlRequest,
        provider: Provider,
        registration: Registration,
    ) -> str:
        if not request.redirect_uri:
            return registration.redirect_uri
        uri = origins.allowed_redirect(
            request.redirect_uri, provider.name, self._settings.oauth_redirect_uris
        )
        if uri is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_REDIRECT_URI_NOT_ALLOWED,
                "redirect_uri is not in the list of callback addresses",
            )
        return uri

    def _fallback(self, headers: Headers) -> str:
        """Where a sign-in of no known origin ends."""
        asked = headers.first("x-frontend-origin")
        listed = origins.allowed_origin(asked, self._settings.cors_origins) if asked else None
        return listed or self._settings.default_origin


_FAILURES: Final = {
    ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE: Failure.UNAVAILABLE,
    ErrorReason.ERROR_REASON_RATE_LIMITED: Failure.TOO_MANY_ATTEMPTS,
}


def _failure_of(error: Exception) -> LoginFailedError:
    """What is said of an exception; a fault of ours is logged under the id in the detail."""
    if isinstance(error, LoginFailedError):
        return error
    meant = domain_error_of(error, "OAuthCallback")
    failure = _FAILURES.get(meant.reason, Failure.OAUTH_FAILED)
    return LoginFailedError(failure, " ".join((meant.meaning.name, *meant.metadata.values())))


def _never_kept() -> None:
    """No cache keeps the answer, and the next page isn't told its address: both hold secrets."""
    reply.header("cache-control", "no-store")
    reply.header("referrer-policy", "no-referrer")
