from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from services.auth.oauth_client import Attempt, OAuthClient
from services.auth.oauth_settings import OAuthSettings
from services.auth.providers import (
    PROVIDERS,
    Profile,
    ProfileError,
    google_profile,
    kakao_profile,
    naver_profile,
)
from services.runtime.settings import Profile as RunProfile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "sub", "response", "kakao_account", "profile", "email", "nickname"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)

CONFIGURED: dict[str, Any] = {
    f"oauth_{name}_{kind}": SecretStr(value) if kind == "client_secret" else value
    for name in PROVIDERS
    for kind, value in (("client_id", f"{name}-client"), ("client_secret", f"{name}-secret"))
}

ATTEMPT = Attempt(
    state="S" * 43,
    redirect_uri="http://localhost:8080/api/v1/auth/x/callback",
    code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    nonce="N" * 43,
)
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636, appendix B."""


async def _asked(name: str) -> tuple[str, dict[str, str]]:
    settings = OAuthSettings(**CONFIGURED)
    registration = settings.registration(name)
    assert registration is not None
    client = OAuthClient(settings)
    try:
        url = client.authorization_url(PROVIDERS[name], registration, ATTEMPT)
    finally:
        await client.close()
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}", {k: v[0] for k, v in parse_qs(parts.query).items()}


def _common(name: str) -> dict[str, str]:
    return {
        "client_id": f"{name}-client",
        "redirect_uri": ATTEMPT.redirect_uri,
        "response_type": "code",
        "state": ATTEMPT.state,
    }


async def test_google_is_asked_with_pkce_scopes_and_a_nonce() -> None:
    where, query = await _asked("google")
    assert where == "accounts.google.com/o/oauth2/v2/auth"
    assert query == _common("google") | {
        "scope": "openid email profile",
        "access_type": "offline",
        "include_granted_scopes": "true",
        "prompt": "consent",
        "nonce": ATTEMPT.nonce,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


async def test_kakao_is_asked_with_pkce_and_without_scopes() -> None:
    where, query = await _asked("kakao")
    assert where == "kauth.kakao.com/oauth/authorize"
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert query == _common("kakao") | pkce


async def test_naver_is_asked_without_pkce() -> None:
    where, query = await _asked("naver")
    assert where == "nid.naver.com/oauth2.0/authorize"
    assert query == _common("naver") | {"scope": "profile email"}


def test_profiles_are_read_where_each_provider_keeps_them() -> None:
    expected = Profile(user_id="42", email="a@b.c", nickname="길동", picture_url="https://p/1")
    google = {"sub": "42", "email": "a@b.c", "given_name": "길동", "picture": "https://p/1"}
    assert google_profile(google | {"name": "홍길동"}) == expected
    shown = {"nickname": "길동", "profile_image_url": "https://p/1"}
    assert kakao_profile({"id": 42, "kakao_account": {"email": "a@b.c", "profile": shown}}) == (
        expected
    )
    response = {"id": "42", "email": "a@b.c", "nickname": "길동", "profile_image": "https://p/1"}
    assert naver_profile({"resultcode": "00", "response": response}) == expected


def test_what_a_user_keeps_to_himself_is_empty() -> None:
    assert kakao_profile({"id": 42}) == Profile(user_id="42")
    assert kakao_profile({"id": 42, "kakao_account": {"profile": None}}) == Profile(user_id="42")
    assert naver_profile({"response": {"id": "x", "email": None}}) == Profile(user_id="x")


@pytest.mark.parametrize("user_id", [None, "", True, 1.5, [], {}, "x" * 256, "a\x00b", "\ud800"])
def test_a_profile_without_a_usable_id_is_refused(user_id: object) -> None:
    for read, document in (
        (google_profile, {"sub": user_id}),
        (kakao_profile, {"id": user_id}),
        (naver_profile, {"response": {"id": user_id}}),
    ):
        with pytest.raises(ProfileError):
            read(document)


def test_texts_are_fitted_to_what_the_users_domain_takes() -> None:
    profile = google_profile(
        {
            "sub": "1",
            "given_name": "  나\x00무\ud83d" + "가" * 200,
            "email": "e" * 321,
            "picture": "https://" + "p" * 2048,
        }
    )
    assert profile.nickname == ("나무" + "가" * 200)[:120]
    assert profile.email == profile.picture_url == ""


@given(st.sampled_from(sorted(PROVIDERS)), st.dictionaries(st.text(max_size=8), JSON) | JSON)
def test_any_document_is_read_or_refused(name: str, document: Any) -> None:
    if not isinstance(document, dict):
        document = {"response": document, "id": document, "sub": document}
    try:
        profile = PROVIDERS[name].profile(document)
    except ProfileError:
        return
    assert profile.user_id
    for text in (profile.user_id, profile.email, profile.nickname, profile.picture_url):
        assert "\x00" not in text
        text.encode()


def test_a_provider_without_its_client_is_switched_off() -> None:
    assert OAuthSettings().registration("google") is None
    assert OAuthSettings(oauth_google_client_id="x").registration("google") is None
    assert OAuthSettings(oauth_naver_client_id="x").registration("naver") is None
    kakao = OAuthSettings(oauth_kakao_client_id="x").registration("kakao")
    assert kakao is not None
    assert kakao.client_secret == ""


def test_secrets_are_not_shown() -> None:
    settings = OAuthSettings(**CONFIGURED)
    shown = f"{settings!r} {settings.registration('google')!r} {ATTEMPT!r}"
    assert "google-secret" not in shown
    assert ATTEMPT.code_verifier not in shown


def test_settings_that_lead_astray_are_refused() -> None:
    with pytest.raises(ValidationError, match="ECO2_FRONTEND_ORIGIN"):
        OAuthSettings(frontend_origin="https://evil.example")
    with pytest.raises(ValidationError, match="ECO2_OAUTH_KAKAO_REDIRECT_URI"):
        OAuthSettings(oauth_kakao_redirect_uri="https://evil.example/callback")
    with pytest.raises(ValidationError, match="ECO2_OAUTH_NAVER_TOKEN_URL must be https"):
        OAuthSettings(profile=RunProfile.PRODUCTION, oauth_naver_token_url="http://naver.example")
