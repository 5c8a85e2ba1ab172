"""Kakao and Naver on loopback: the parts of their protocols that a sign-in meets.

Shapes are those of their developer documentation: Kakao Login REST API (`kauth.kakao.com`,
`kapi.kakao.com/v2/user/me`) and Naver Login API (`nid.naver.com/oauth2.0`, `v1/nid/me`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from services.runtime.ports import HOST

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Grant:
    """What an authorization code stands for."""

    user: str
    redirect_uri: str
    state: str
    challenge: str


@dataclass
class StandIn:
    """A provider. `user` is who sits at its login page; `denies` whether he refuses consent."""

    client_id: str
    client_secret: str
    """Empty: asked for in no request."""
    user: str = "1001"
    denies: bool = False
    base_url: str = ""
    codes: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    """Forms of the token requests."""
    token_answer: Answer | None = None
    """Answers token requests in place of the provider, to misbehave."""
    profile_answer: Answer | None = None

    def reset(self) -> None:
        """Behave again."""
        self.user, self.denies = "1001", False
        self.token_answer = self.profile_answer = None
        self.seen.clear()

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """The login page of a user who is signed in and has consented before."""
        query = request.query
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            return web.Response(status=400, text="KOE101")
        if self.denies:
            sent = {
                "error": "access_denied",
                "error_description": "User denied access",
                "state": query["state"],
            }
        else:
            code = secrets.token_urlsafe(24)
            self.codes[code] = Grant(
                self.user,
                query["redirect_uri"],
                query["state"],
                query.get("code_challenge", ""),
            )
            sent = {"code": code, "state": query["state"]}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(sent)}")

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Exchange a code, once."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.seen.append(form)
        if self.token_answer is not None:
            return await self.token_answer(request)
        if (form.get("client_id"), form.get("client_secret", "")) != (
            *(self.client_id, self.client_secret),
        ):
            return self.refused("invalid_client", "Bad client credentials", 401)
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or form.get("grant_type") != "authorization_code":
            told = f"authorization code not found for code={form.get('code')}"
            return self.refused("invalid_grant", told, 400)
        problem = self.problem(grant, form)
        if problem:
            return self.refused("invalid_grant", problem, 400)
        access = secrets.token_urlsafe(24)
        self.tokens[access] = grant.user
        return web.json_response(self.token_document(access))

    async def me(self, request: web.Request) -> web.StreamResponse:
        """The profile of a token's owner."""
        if self.profile_answer is not None:
            return await self.profile_answer(request)
        scheme, _, access = request.headers.get("authorization", "").partition(" ")
        user = self.tokens.get(access) if scheme == "Bearer" else None
        return self.stranger() if user is None else web.json_response(self.document(user))

    def problem(self, grant: Grant, form: Mapping[str, str]) -> str:
        """What is wrong with a token request; empty when nothing is."""
        raise NotImplementedError

    def refused(self, error: str, description: str, status: int) -> web.Response:
        """A refused token request."""
        raise NotImplementedError

    def token_document(self, access: str) -> dict[str, Any]:
        """A granted one."""
        raise NotImplementedError

    def stranger(self) -> web.Response:
        """The profile of nobody."""
        raise NotImplementedError

    def document(self, user: str) -> dict[str, Any]:
        """The profile of somebody."""
        raise NotImplementedError


class Kakao(StandIn):
    """Errors have a status and a KOE code; PKCE is verified where it was begun."""

    def problem(self, grant: Grant, form: Mapping[str, str]) -> str:
        if form.get("redirect_uri") != grant.redirect_uri:
            return "Redirect URI mismatch."
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return "" if challenge == grant.challenge else "code verifier mismatch"

    def refused(self, error: str, description: str, status: int) -> web.Response:
        body = {"error": error, "error_description": description, "error_code": "KOE320"}
        return web.json_response(body, status=status)

    def token_document(self, access: str) -> dict[str, Any]:
        return {
            "token_type": "bearer",
            "access_token": access,
            "expires_in": 21599,
            "refresh_token": secrets.token_urlsafe(24),
            "refresh_token_expires_in": 5183999,
            "scope": "account_email profile_image profile_nickname",
        }

    def stranger(self) -> web.Response:
        body = {"msg": "this access token does not exist", "code": -401}
        return web.json_response(body, status=401)

    def document(self, user: str) -> dict[str, Any]:
        shown = {
            "nickname": f"카카오{user}",
            "thumbnail_image_url": "http://k.example/110x110.jpg",
            "profile_image_url": "http://k.example/640x640.jpg",
            "is_default_image": False,
        }
        return {
            "id": int(user),
            "connected_at": "2026-01-02T03:04:05Z",
            "properties": {"nickname": f"카카오{user}"},
            "kakao_account": {
                "profile_nickname_needs_agreement": False,
                "profile": shown,
                "has_email": True,
                "is_email_valid": True,
                "is_email_verified": True,
                "email": f"{user}@kakao.example",
            },
        }


class Naver(StandIn):
    """Refusals are answered with 200; the state is compared; numbers are texts."""

    def problem(self, grant: Grant, form: Mapping[str, str]) -> str:
        if grant.challenge or "code_verifier" in form:
            return "PKCE is not known here"
        return "" if form.get("state") == grant.state else "wrong state"

    def refused(self, error: str, description: str, status: int) -> web.Response:
        return web.json_response({"error": "invalid_request", "error_description": description})

    def token_document(self, access: str) -> dict[str, Any]:
        return {
            "access_token": access,
            "refresh_token": secrets.token_urlsafe(24),
            "token_type": "bearer",
            "expires_in": "3600",
        }

    def stranger(self) -> web.Response:
        body = {"resultcode": "024", "message": "Authentication failed / 인증에 실패했습니다."}
        return web.json_response(body, status=401)

    def document(self, user: str) -> dict[str, Any]:
        response = {
            "id": f"naver-{user}",
            "nickname": f"네이버{user}",
            "profile_image": "https://n.example/p.png",
            "age": "20-29",
            "gender": "U",
            "email": f"{user}@naver.example",
        }
        return {"resultcode": "00", "message": "success", "response": response}


@asynccontextmanager
async def running(provider: StandIn) -> AsyncIterator[StandIn]:
    """Serve a provider on a free port."""
    app = web.Application()
    app.router.add_get("/authorize", provider.authorize)
    app.router.add_post("/token", provider.token)
    app.router.add_get("/me", provider.me)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    provider.base_url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()


async def never(request: web.Request) -> web.StreamResponse:
    """An answer that doesn't come."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
