from __future__ import annotations

import secrets
from http.cookies import SimpleCookie

from services.auth import login_state
from services.auth.login_state import LoginState, digest


def _state(browser: str) -> LoginState:
    return LoginState(
        provider="kakao",
        redirect_uri="",
        code_verifier="",
        nonce="",
        device_id="",
        frontend_origin="",
        browser=digest(browser),
    )


def test_only_the_browser_that_started_is_recognised() -> None:
    state = _state("nonce")
    assert state.started_by(["nonce"])
    assert not state.started_by([])
    assert not state.started_by([""])
    assert not state.started_by(["other"])
    assert not state.started_by(["nonce", "other"])
    assert not state.started_by([state.browser])


def test_every_sign_in_has_a_cookie_of_its_own_that_does_not_tell_its_state() -> None:
    states = [secrets.token_urlsafe(32) for _ in range(20)]
    names = {login_state.cookie_name(state) for state in states}
    assert len(names) == 20
    assert not any(state[:8] in name for state, name in zip(states, names, strict=True))


def test_the_cookie_is_kept_from_scripts_and_from_other_sites_and_paths() -> None:
    morsel = SimpleCookie(login_state.cookie("s", "nonce", 600))[login_state.cookie_name("s")]
    assert morsel.value == "nonce"
    assert morsel["httponly"]
    assert morsel["secure"]
    assert (morsel["samesite"], morsel["path"], morsel["max-age"], morsel["domain"]) == (
        *("Lax", "/api/v1/auth", "600", ""),
    )


def test_a_browser_keeps_a_handful_of_sign_ins() -> None:
    ours = [f"{login_state.COOKIE}{number}" for number in range(10)]
    assert login_state.surplus(["s_access", *ours[:7]]) == []
    assert login_state.surplus(["s_access", *ours[:8]]) == ours[:1]
    assert login_state.surplus(["s_refresh", *ours]) == ours[:3]
