"""The sign-in providers and how their profiles read. Pure.

Differences between them are data here: what the authorization request carries, whether PKCE (RFC
7636) is understood, what the token request adds, and where a profile keeps its members.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_ID: Final = 255
MAX_EMAIL: Final = 320
MAX_NICKNAME: Final = 120
MAX_PICTURE_URL: Final = 2048
"""What the users domain takes. An id that is longer can't be told from another and is refused; a
nickname is cut; what makes no sense when cut is left out."""


class ProfileError(Exception):
    """A provider's profile that names nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who a provider says has signed in; empty where it says nothing."""

    user_id: str
    email: str = ""
    nickname: str = ""
    picture_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is particular about a provider."""

    name: str
    profile: Callable[[Mapping[str, Any]], Profile]
    """Reads the profile document; ProfileError when it has no usable user id."""
    scope: str = ""
    """Empty: the scopes are those ticked in the provider's console."""
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    pkce: bool = False
    """Whether the authorization request carries an S256 challenge."""
    openid: bool = False
    """Whether an id token comes with the access token, with our nonce in it."""
    state_at_exchange: bool = False
    """Whether the token request repeats the state."""
    secret_required: bool = True


def google_profile(document: Mapping[str, Any]) -> Profile:
    """OpenID Connect userinfo."""
    return _profile(
        document.get("sub"),
        document.get("email"),
        document.get("given_name"),
        document.get("picture"),
    )


def kakao_profile(document: Mapping[str, Any]) -> Profile:
    """``kapi.kakao.com/v2/user/me``; what the user did not consent to is missing."""
    account = _object(document.get("kakao_account"))
    shown = _object(account.get("profile"))
    return _profile(
        document.get("id"),
        account.get("email"),
        shown.get("nickname"),
        shown.get("profile_image_url"),
    )


def naver_profile(document: Mapping[str, Any]) -> Profile:
    """``openapi.naver.com/v1/nid/me``."""
    response = _object(document.get("response"))
    return _profile(
        response.get("id"),
        response.get("email"),
        response.get("nickname"),
        response.get("profile_image"),
    )


PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.name: provider
    for provider in (
        Provider(
            name="google",
            profile=google_profile,
            scope="openid email profile",
            authorize_params={
                "access_type": "offline",
                "include_granted_scopes": "true",
                "prompt": "consent",
            },
            pkce=True,
            openid=True,
        ),
        Provider(name="kakao", profile=kakao_profile, pkce=True, secret_required=False),
        Provider(
            name="naver", profile=naver_profile, scope="profile email", state_at_exchange=True
        ),
    )
}
"""By name."""


def printable(text: str) -> str:
    """`text` without what PostgreSQL, protobuf or a log line can't hold: control characters and
    halves of surrogate pairs.
    """
    kept = (char for char in text if unicodedata.category(char) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def _profile(user_id: object, email: object, nickname: object, picture: object) -> Profile:
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        user_id = str(user_id)
    if not isinstance(user_id, str) or not user_id or len(user_id) > MAX_ID:
        raise ProfileError("the profile has no usable user id")
    if printable(user_id) != user_id:
        raise ProfileError("the profile's user id has unprintable characters")
    return Profile(
        user_id=user_id,
        email=_text(email, MAX_EMAIL),
        nickname=_text(nickname, None)[:MAX_NICKNAME],
        picture_url=_text(picture, MAX_PICTURE_URL),
    )


def _text(value: object, longest: int | None) -> str:
    text = printable(value) if isinstance(value, str) else ""
    return text if longest is None or len(text) <= longest else ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
