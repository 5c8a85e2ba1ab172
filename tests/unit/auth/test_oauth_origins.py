from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.oauth_settings import OAuthSettings
from services.auth.origins import allowed_origin, allowed_redirect, home, login_page

ORIGINS = ("https://growbin.app", "https://localhost:5173", "http://localhost:3000")
CALLBACKS = (
    "https://api.dev.growbin.app/api/v1/auth/{provider}/callback",
    "http://localhost:8080/api/v1/auth/{provider}/callback",
)
CALLBACK = "https://api.dev.growbin.app/api/v1/auth/kakao/callback"


@pytest.mark.parametrize(
    ("asked", "origin"),
    [
        ("https://growbin.app", "https://growbin.app"),
        ("https://growbin.app/", "https://growbin.app"),
        ("HTTPS://GrowBin.App", "https://growbin.app"),
        ("https://localhost:5173", "https://localhost:5173"),
    ],
)
def test_a_listed_origin_is_found_in_its_listed_spelling(asked: str, origin: str) -> None:
    assert allowed_origin(asked, ORIGINS) == origin


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "",
            "/",
            "//",
            "null",
            "*",
            "https://",
            "growbin.app",
            "//growbin.app",
            "\\\\growbin.app",
        ),
        "https:/growbin.app",
        "https:growbin.app",
        "https:\\\\growbin.app",
        "https:///growbin.app",
        "https://growbin.app//",
        "https://growbin.app/home",
        "https://growbin.app/..",
        "https://growbin.app?",
        "https://growbin.app#",
        "https://growbin.app\\",
        "https://growbin.app\\@evil.example",
        "https://growbin.app@evil.example",
        "https://growbin.app%40evil.example",
        "https://growbin.app:443@evil.example",
        "https://user:password@growbin.app",
        "https://evil.example/https://growbin.app",
        "https://evil.example?https://growbin.app",
        "https://evil.example#https://growbin.app",
        "https://growbin.app.evil.example",
        "https://evilgrowbin.app",
        "https://evil.growbin.app",
        "https://growbin.ap",
        "https://growbin.app.",
        "https://growbin.app:443",
        "https://growbin.app:8443",
        "https://growbin.app:",
        "http://growbin.app",
        "http://localhost:5173",
        "https://localhost",
        "https://localhost:51730",
        "https://127.0.0.1:5173",
        "https://[::1]:5173",
        "javascript:alert(1)//https://growbin.app",
        "java\tscript:alert(1)",
        "data:text/html,https://growbin.app",
        "https%3A%2F%2Fgrowbin.app",
        "%68ttps://growbin.app",
        "https://growbin%2eapp",
        " https://growbin.app",
        "https://growbin.app ",
        "\thttps://growbin.app",
        "https://growbin.app\r\nlocation: https://evil.example",
        "https://growbin.app\n",
        "https://growbin.app\x00",
        "https://grow\tbin.app",
        "https://growbin\u3002app",  # an ideographic full stop
        "https://gr\u043ewbin.app",  # a Cyrillic o
        "https://\uff47rowbin.app",  # a wide g
        "https://xn--grwbin-4nf.app",
        "https://growbin.app\u200b",
        "https://growbin.app/https://growbin.app",
        "https://growbin.app,https://evil.example",
    ],
)
def test_tricks_are_no_listed_origin(asked: str) -> None:
    assert allowed_origin(asked, ORIGINS) is None


@given(st.text(max_size=60), st.sampled_from(ORIGINS), st.integers(0, 30))
def test_only_a_member_of_the_list_is_ever_answered(text: str, origin: str, at: int) -> None:
    for asked in (text, origin[:at] + text + origin[at:], origin + text):
        assert allowed_origin(asked, ORIGINS) in (None, *ORIGINS)
        if asked.strip("/").lower() not in ORIGINS:
            assert allowed_origin(asked, ORIGINS) is None


def test_the_kelvin_sign_is_no_k() -> None:
    assert allowed_origin("https://\u212aakao.example", ("https://kakao.example",)) is None


def test_a_listed_callback_is_found_for_its_provider_only() -> None:
    assert allowed_redirect(CALLBACK, "kakao", CALLBACKS) == CALLBACK
    assert allowed_redirect(CALLBACK, "naver", CALLBACKS) is None
    assert allowed_redirect(CALLBACKS[0], "kakao", CALLBACKS) is None


@pytest.mark.parametrize(
    "asked",
    [
        "",
        CALLBACK + "/",
        CALLBACK + "?",
        CALLBACK + "?next=https://evil.example",
        CALLBACK + "#",
        CALLBACK + "/../../../evil",
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("https", "HTTPS"),
        CALLBACK.replace("api.dev", "API.dev"),
        CALLBACK.replace("kakao", "Kakao"),
        CALLBACK.replace("kakao", "%6bakao"),
        CALLBACK.replace("https://", "//"),
        CALLBACK.replace("growbin.app", "growbin.app.evil.example"),
        CALLBACK.replace("growbin.app", "growbin.app@evil.example"),
        CALLBACK.replace("growbin.app", "growbin.app:443"),
        CALLBACK.replace("growbin.app", "growbin.app."),
        CALLBACK.replace("api.", "evil.example/api."),
        CALLBACK + "\n",
        "\t" + CALLBACK,
    ],
)
def test_a_callback_is_compared_character_by_character(asked: str) -> None:
    assert allowed_redirect(asked, "kakao", CALLBACKS) is None


def test_the_app_is_reached_behind_its_hash() -> None:
    assert home("https://growbin.app") == "https://growbin.app/#/home"
    assert login_page("https://growbin.app", "x") == "https://growbin.app/#/login?error=x"


def test_default_settings_know_the_addresses_of_the_app() -> None:
    settings = OAuthSettings()
    for base in ("http://localhost:8080", "https://localhost:8443", "https://api.dev.growbin.app"):
        uri = f"{base}/api/v1/auth/google/callback"
        assert allowed_redirect(uri, "google", settings.oauth_redirect_uris) == uri
    assert allowed_origin(settings.default_origin, settings.cors_origins)
