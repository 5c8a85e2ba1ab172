"""The REST surface the app was written against, a call a row, with what it has to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. Braces in path and body are filled from :class:`tests.sample.Sample`."""

    name: str
    """Name of the test and of the golden file."""
    verb: str
    path: str
    status: int = 200
    body: Any = None
    """JSON of the request; None sends neither a body nor a content type."""
    user: Literal["owner", "nobody", "refresher", "leaver"] = "owner"
    """Who asks: the sampled user, nobody, one whose refresh token is sent as a cookie, or one who
    does not come back."""
    headers: tuple[str, ...] = ()
    """Response headers that are part of the promise."""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Members of the answer whose values are part of it."""


CALLS: Final = (
    # Sign-in: without a provider's key there is nowhere to send the browser, and it is told so.
    Call(name="auth-provider", verb="GET", path="/api/v1/auth/google", status=503, user="nobody"),
    Call(name="auth-login", verb="GET", path="/api/v1/auth/kakao/login", status=503, user="nobody"),
    Call(
        name="auth-authorize",
        verb="GET",
        path="/api/v1/auth/naver/authorize",
        status=503,
        user="nobody",
    ),
    Call(
        name="auth-unknown-provider",
        verb="GET",
        path="/api/v1/auth/myspace",
        status=422,
        user="nobody",
    ),
    Call(
        name="auth-callback",
        verb="GET",
        path="/api/v1/auth/google/callback?code=x&state=y",
        status=307,
        user="nobody",
        headers=("location",),
    ),
    Call(
        name="auth-refresh",
        verb="POST",
        path="/api/v1/auth/refresh",
        status=201,
        user="refresher",
        headers=("set-cookie",),
    ),
    Call(
        name="auth-refresh-without-token",
        verb="POST",
        path="/api/v1/auth/refresh",
        status=401,
        user="nobody",
    ),
    Call(
        name="auth-logout",
        verb="POST",
        path="/api/v1/auth/logout",
        user="nobody",
        headers=("set-cookie",),
        fixed={"success": True, "data": {"message": "Successfully logged out"}},
    ),
    Call(name="auth-jwks", verb="GET", path="/api/v1/auth/.well-known/jwks.json", user="nobody"),
    Call(name="authz-ping", verb="GET", path="/api/v1/authz/ping", fixed={"pong": True}),
    # Users
    Call(name="users-me", verb="GET", path="/api/v1/users/me", fixed={"provider": "google"}),
    Call(
        name="users-me-update",
        verb="PATCH",
        path="/api/v1/users/me",
        body={"nickname": "초록 씨앗"},
        fixed={"nickname": "초록 씨앗", "username": "초록 씨앗", "display_name": "초록 씨앗"},
    ),
    Call(name="users-me-no-change", verb="PATCH", path="/api/v1/users/me", body={}, status=422),
    Call(name="users-me-delete", verb="DELETE", path="/api/v1/users/me", status=204, user="leaver"),
    Call(name="users-me-characters", verb="GET", path="/api/v1/users/me/characters"),
    Call(
        name="users-me-ownership",
        verb="GET",
        path="/api/v1/users/me/characters/이코/ownership",
        fixed={"character_name": "이코", "owned": True},
    ),
    Call(name="users-me-points", verb="GET", path="/api/v1/users/me/points"),
    Call(name="users-me-point-entries", verb="GET", path="/api/v1/users/me/points/entries?limit=1"),
    # Images
    *(
        Call(
            name=f"images-{channel}",
            verb="POST",
            path=f"/api/v1/images/{channel}",
            body={"filename": "image_1.PNG", "content_type": "image/png"},
            fixed={"expires_in": 900, "required_headers": {"Content-Type": "image/png"}},
        )
        for channel in ("chat", "scan", "my")
    ),
    Call(
        name="images-unknown-channel",
        verb="POST",
        path="/api/v1/images/other",
        body={"filename": "a.png", "content_type": "image/png"},
        status=422,
    ),
    Call(
        name="images-callback",
        verb="POST",
        path="/api/v1/images/scan/callback",
        body={"key": "{image_key}", "etag": "{image_etag}"},
        fixed={"channel": "scan", "metadata": {}},
    ),
    Call(name="images-list", verb="GET", path="/api/v1/images?limit=1"),
    # Scan
    Call(
        name="scan-submit",
        verb="POST",
        path="/api/v1/scan",
        body={"image_url": "{image_url}"},
        fixed={"status": "queued"},
    ),
    Call(name="scan-submit-without-image", verb="POST", path="/api/v1/scan", body={}, status=400),
    Call(
        name="scan-submit-malformed-url",
        verb="POST",
        path="/api/v1/scan",
        body={"image_url": "picture"},
        status=422,
    ),
    Call(
        name="scan-submit-unknown-model",
        verb="POST",
        path="/api/v1/scan",
        body={"image_url": "{image_url}", "model": "gpt-1"},
        status=400,
    ),
    Call(
        name="scan-result",
        verb="GET",
        path="/api/v1/scan/{scan_job_id}/result",
        fixed={"status": "completed", "task_id": "{scan_job_id}", "error": None},
    ),
    Call(
        name="scan-result-unknown",
        verb="GET",
        path="/api/v1/scan/00000000-0000-4000-8000-000000000000/result",
        status=404,
    ),
    Call(name="scan-categories", verb="GET", path="/api/v1/scan/categories"),
    Call(name="scan-history", verb="GET", path="/api/v1/scan/history"),
    Call(
        name="scan-cancel-finished",
        verb="DELETE",
        path="/api/v1/scan/{scan_job_id}",
        status=409,
    ),
    Call(
        name="scan-correction",
        verb="POST",
        path="/api/v1/scan/{scan_job_id}/correction",
        body={"classification": {"major_category": "재활용폐기물", "middle_category": "유리병"}},
    ),
    # Chat
    Call(name="chat-list", verb="GET", path="/api/v1/chat?limit=20"),
    Call(name="chat-create", verb="POST", path="/api/v1/chat", status=201),
    Call(
        name="chat-create-titled",
        verb="POST",
        path="/api/v1/chat",
        body={"title": "분리배출"},
        status=201,
        fixed={"title": "분리배출"},
    ),
    Call(name="chat-get", verb="GET", path="/api/v1/chat/{chat_id}", fixed={"id": "{chat_id}"}),
    Call(name="chat-get-malformed", verb="GET", path="/api/v1/chat/current", status=422),
    Call(
        name="chat-get-unknown",
        verb="GET",
        path="/api/v1/chat/00000000-0000-4000-8000-000000000000",
        status=404,
    ),
    Call(
        name="chat-rename",
        verb="PATCH",
        path="/api/v1/chat/{chat_id}",
        body={"title": "페트병"},
        status=204,
    ),
    Call(
        name="chat-delete-unknown",
        verb="DELETE",
        path="/api/v1/chat/00000000-0000-4000-8000-000000000000",
        status=404,
    ),
    Call(
        name="chat-send",
        verb="POST",
        path="/api/v1/chat/{chat_id}/messages",
        body={"message": "캔은?", "model": "gpt-5.2"},
        fixed={"status": "submitted"},
    ),
    Call(
        name="chat-send-blank",
        verb="POST",
        path="/api/v1/chat/{chat_id}/messages",
        body={"message": "  "},
        status=400,
    ),
    Call(
        name="chat-legacy",
        verb="POST",
        path="/api/v1/chat/messages",
        body={"message": "캔은?", "temperature": 0.2, "session_id": "x"},
        status=201,
    ),
    Call(
        name="chat-input-not-asked-for",
        verb="POST",
        path="/api/v1/chat/{chat_job_id}/input",
        body={"type": "location", "data": {"latitude": 37.5, "longitude": 127.0}},
        status=409,
    ),
    # Locations
    Call(
        name="locations-centers",
        verb="GET",
        path="/api/v1/locations/centers?lat=37.5665&lon=126.978&zoom=13&store_category=all",
    ),
    Call(name="locations-center", verb="GET", path="/api/v1/locations/centers/{center_id}"),
    Call(
        name="locations-center-unknown",
        verb="GET",
        path="/api/v1/locations/centers/2147483000",
        status=404,
    ),
    Call(
        name="locations-search", verb="GET", path="/api/v1/locations/search?q={place}&radius=5000"
    ),
    Call(name="locations-suggest", verb="GET", path="/api/v1/locations/suggest?q={place}"),
    Call(
        name="locations-unknown-category",
        verb="GET",
        path="/api/v1/locations/centers?lat=37.5&lon=127&store_category=bakery",
        status=400,
    ),
    Call(
        name="locations-unknown-pickup",
        verb="GET",
        path="/api/v1/locations/centers?lat=37.5&lon=127&pickup_category=gold",
        status=400,
    ),
    # Info
    Call(name="info-news", verb="GET", path="/api/v1/info/news?limit=2"),
    Call(name="info-news-bad-cursor", verb="GET", path="/api/v1/info/news?cursor=x", status=400),
    Call(
        name="info-news-bad-category", verb="GET", path="/api/v1/info/news?category=x", status=400
    ),
    Call(name="info-news-bad-source", verb="GET", path="/api/v1/info/news?source=x", status=400),
    Call(name="info-news-categories", verb="GET", path="/api/v1/info/news/categories"),
    Call(name="info-categories", verb="GET", path="/api/v1/info/categories"),
    Call(name="info-item-categories", verb="GET", path="/api/v1/info/items/categories"),
    Call(name="info-items", verb="GET", path="/api/v1/info/items?q=페트병&limit=3"),
    Call(name="info-item", verb="GET", path="/api/v1/info/items/{item_id}"),
    Call(name="info-region-unknown", verb="GET", path="/api/v1/info/rules/서울", status=404),
    Call(name="info-faq", verb="GET", path="/api/v1/info/faq"),
    # Character
    Call(name="character-catalog", verb="GET", path="/api/v1/character/catalog"),
    # The edge
    *(
        Call(name=f"{domain}-health", verb="GET", path=f"/api/v1/{domain}/health", user="nobody")
        for domain in ("auth", "users", "scan", "chat", "character", "locations", "images", "info")
    ),
    # What the app has a function for but never calls, and its first backend does not answer either
    Call(name="scan-classify", verb="POST", path="/api/v1/scan/classify", body={}, status=405),
    Call(name="scan-task", verb="GET", path="/api/v1/scan/tasks/1", status=404),
    Call(name="scan-metrics", verb="GET", path="/api/v1/scan/metrics", status=405),
    # Between services only
    Call(
        name="character-rewards-internal",
        verb="POST",
        path="/api/v1/internal/characters/rewards",
        body={},
        status=404,
    ),
)
"""In the order of the app's contract. What changes a user's things comes after what reads them."""
