"""What strangers may send, and what they get: JSON, CORS, and never a wrong pass."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contract.edge import ORIGIN, Edge
from tests.contract.statuses import assert_refused
from tests.signing import Signer

SUBMIT = "/eco2.scan.v1.ScanService/SubmitScan"
ME = "/eco2.users.v1.UsersService/GetMe"


def app(edge: Edge) -> dict[str, str]:
    """Headers of the signed-in app."""
    return {**edge.signed_in(), "origin": ORIGIN}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"image_url" "x"}',
        b'{"image_url": [1]}',
        b'{"image_url": {"a": 1}}',
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"image_url": "\xff"}',
        b'{"image_url": "x"} trailing',
        b"image_url=x",
    ],
)
async def test_malformed_json_is_refused(edge: Edge, body: bytes) -> None:
    answer = await edge.client.post("/api/v1/scan", content=body, headers=app(edge))
    assert_refused(answer, 400, "MALFORMED_REQUEST")
    assert edge.services.reached(SUBMIT) == []


async def test_deeply_nested_json_is_refused(edge: Edge) -> None:
    body = b'{"a":' * 5000 + b"1" + b"}" * 5000
    answer = await edge.client.post("/api/v1/scan", content=body, headers=app(edge))
    assert_refused(answer, 400, "MALFORMED_REQUEST")


async def test_wrong_type_in_query_is_refused(edge: Edge) -> None:
    answer = await edge.client.get("/api/v1/scan/history?limit=many", headers=app(edge))
    assert_refused(answer, 400, "MALFORMED_REQUEST")


async def test_body_cannot_contradict_the_path(edge: Edge) -> None:
    answer = await edge.client.post(
        "/api/v1/scan/aaaaaaaaaa/correction",
        json={"job_id": "bbbbbbbbbb", "classification": {"major_category": "재활용폐기물"}},
        headers=app(edge),
    )
    calls = edge.services.reached("/eco2.scan.v1.ScanService/SubmitCorrection")
    if calls:
        assert calls[0].request.job_id == "aaaaaaaaaa"  # type: ignore[attr-defined]
    else:
        assert_refused(answer, 400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("size", [1_048_576 + 1, 2_097_152])
@pytest.mark.parametrize("chunked", [False, True])
async def test_oversize_body_is_refused(edge: Edge, chunked: bool, size: int) -> None:

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b" " * min(65_536, size - start)

    answer = await edge.client.post(
        "/api/v1/scan", content=pieces() if chunked else b" " * size, headers=app(edge)
    )
    assert_refused(answer, 413, "PAYLOAD_TOO_LARGE")
    assert edge.services.reached(SUBMIT) == []


async def test_huge_body_is_refused_after_its_first_mebibyte(edge: Edge) -> None:
    head = (
        "POST /api/v1/scan HTTP/1.1\r\nhost: x\r\ncontent-length: 30000000\r\n"
        f"authorization: Bearer {edge.signer.token()}\r\n\r\n"
    )
    status, _, body = await edge.raw(head.encode() + bytes(30_000_000))
    assert status == 413
    assert b"PAYLOAD_TOO_LARGE" in body
    assert edge.services.reached(SUBMIT) == []


async def test_oversize_body_of_a_stranger_is_401(edge: Edge) -> None:
    answer = await edge.client.post(
        "/api/v1/scan", content=b" " * 500_000, headers={"origin": ORIGIN}
    )
    assert_refused(answer, 401, "TOKEN_MISSING")


async def test_body_just_below_the_limit_passes(edge: Edge) -> None:
    body = b'{"image_url":"' + b"x" * 900_000 + b'"}'
    answer = await edge.client.post("/api/v1/scan", content=body, headers=app(edge))
    assert answer.status_code == 200


async def test_oversize_headers_are_refused_in_json(edge: Edge) -> None:
    answer = await edge.client.get("/api/v1/users/me", headers={"x-long": "x" * 40_000})
    assert_refused(answer, 431, "PAYLOAD_TOO_LARGE", cors=False)


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("POST", "/api/v1/users/me", "DELETE, GET, PATCH"),
        ("GET", "/api/v1/scan", "POST"),
        ("PUT", "/api/v1/scan/history", "DELETE, GET"),
        ("HEAD", "/api/v1/users/me", "DELETE, GET, PATCH"),
        ("POST", "/api/v1/scan/aaaaaaaaaa/events", "GET"),
        ("POST", "/api/v1/authz/ping", "GET"),
        ("TRACE", "/api/v1/users/me", "DELETE, GET, PATCH"),
    ],
)
async def test_wrong_verb_is_405_with_allow(edge: Edge, verb: str, path: str, allowed: str) -> None:
    answer = await edge.client.request(verb, path, headers=app(edge))
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    if verb != "HEAD":
        assert_refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert edge.services.calls == []


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(
    "path", ["/api", "/api/v1", "/api/v1/unknown", "/api/v1/users/me/nothing", "/index.html"]
)
async def test_unknown_path_is_404_for_everybody(edge: Edge, path: str, signed_in: bool) -> None:
    headers = app(edge) if signed_in else {"origin": ORIGIN}
    assert_refused(await edge.client.get(path, headers=headers), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users%2Fme",
        "/api/v1/users%2fme",
        "/api/v1/users%5Cme",
        "/api/v1/scan/%2e%2e%2fusers%2fme",
        "/api/v1/auth/.well-known/jwks.json%2f..%2f..%2f..%2fusers%2fme",
    ],
)
async def test_escaped_slashes_are_refused(edge: Edge, path: str) -> None:
    token = edge.signer.token()
    status, headers, _ = await edge.raw(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    )
    assert status == 400
    assert headers["content-type"] == "application/json"
    assert edge.services.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/.well-known/../../users/me",
        "/api/v1/auth/.well-known/jwks.json/../../../users/me",
        "/api/v1/auth/%2e%2e/users/me",
        "/api/v1/./users/me",
        "//api/v1//users///me",
        "/%61pi/v1/users/me",
        "/api/v1/users/m%65",
        "/healthz/ready/../../api/v1/users/me",
        "/images/scan/../../api/v1/users/me",
        "/api/v1/users/me;x=1",
        "/api/v1/users/me%00",
        "/api/v1/users/me/",
        "/API/V1/USERS/ME",
    ],
)
async def test_no_spelling_of_a_path_passes_without_a_token(edge: Edge, path: str) -> None:
    status, headers, _ = await edge.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert status in (400, 401, 404), "whatever it means, it is not let through"
    assert headers["content-type"] == "application/json"
    assert edge.services.calls == []


async def test_absolute_form_is_treated_like_its_path(edge: Edge) -> None:
    status, _, _ = await edge.raw(b"GET http://evil/api/v1/users/me HTTP/1.1\r\nhost: x\r\n\r\n")
    assert status == 401


@pytest.mark.parametrize(
    "lines",
    [
        "x_user_id: 00000000-0000-0000-0000-00000000dead",
        "content-length: 1\r\ntransfer-encoding: chunked",
        "x-user-id : forged",
        "no colon here",
    ],
)
async def test_doubtful_headers_are_refused(edge: Edge, lines: str) -> None:
    token = edge.signer.token()
    status, _, _ = await edge.raw(
        f"GET /api/v1/users/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        f"{lines}\r\n\r\n".encode()
    )
    assert status == 400
    assert edge.services.calls == []


@pytest.mark.parametrize("name", ["x!", "it's", "x#y", "~x", "x|y", "a^", "$", "x*-bin.z%"])
async def test_header_name_that_grpc_does_not_know_is_dropped(edge: Edge, name: str) -> None:
    answer = await edge.client.get("/api/v1/users/me", headers={**app(edge), name: "1", "x.y": "2"})
    assert answer.status_code == 200
    [call] = edge.services.reached(ME)
    assert not call.values(name)
    assert call.values("x.y") == ["2"]


async def test_header_bytes_outside_ascii_do_not_break_a_call(edge: Edge) -> None:
    token = edge.signer.token()
    status, _, _ = await edge.raw(
        f"GET /api/v1/users/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        "user-agent: 한글\r\nx-note: caf\u00e9\r\n\r\n".encode()
    )
    assert status in (200, 400)


@pytest.mark.parametrize(
    ("cookie", "reason"),
    [
        ("s_access=", "TOKEN_MISSING"),
        ("xs_access={token}", "TOKEN_MISSING"),
        ("s_access_={token}", "TOKEN_MISSING"),
        ("S_ACCESS={token}", "TOKEN_MISSING"),
        ("a=s_access={token}", "TOKEN_MISSING"),
        ("s_refresh={token}", "TOKEN_MISSING"),
        ("s_access", "TOKEN_MISSING"),
        ("=;;; ,,s_access", "TOKEN_MISSING"),
        ("s_access=garbage", "TOKEN_INVALID"),
        ("s_access={token}x", "TOKEN_INVALID"),
        ("s_access={token}; s_access=other", "TOKEN_INVALID"),
        ("s_access=other; s_access={token}", "TOKEN_INVALID"),
        ("s_access={refresh}", "TOKEN_TYPE_MISMATCH"),
        ("s_access={expired}", "TOKEN_EXPIRED"),
        ("s_access={foreign}", "TOKEN_INVALID"),
        ("s_access={unsigned}", "TOKEN_INVALID"),
    ],
)
async def test_bad_cookie_is_401(edge: Edge, cookie: str, reason: str) -> None:
    header, payload, _ = edge.signer.token().split(".")
    text = cookie.format(
        token=edge.signer.token(),
        refresh=edge.signer.token(type="refresh"),
        expired=edge.signer.token(exp=1_600_000_000),
        foreign=Signer(edge.signer.kid).token(),
        unsigned=f"{header}.{payload}.AAAA",
    )
    answer = await edge.client.get("/api/v1/users/me", headers={"cookie": text, "origin": ORIGIN})
    assert_refused(answer, 401, reason)
    assert edge.services.calls == []


@pytest.mark.parametrize(
    "cookie",
    [
        "s_access={token}",
        's_access="{token}"',
        "a=b; s_access={token} ;c=d",
        "x=%%%;s_access={token}",
    ],
)
async def test_token_is_found_among_cookies(edge: Edge, cookie: str) -> None:
    text = cookie.replace("{token}", edge.signer.token())
    answer = await edge.client.get("/api/v1/users/me", headers={"cookie": text})
    assert answer.status_code == 200
    assert edge.services.reached(ME)


async def test_cookie_goes_before_bearer(edge: Edge) -> None:
    mine, other = "5b0ff1e2-7f0c-4b56-9c39-64c7c45f7c11", "00000000-0000-0000-0000-000000000001"
    await edge.client.get(
        "/api/v1/users/me",
        headers={
            "cookie": f"s_access={edge.signer.token(sub=mine)}",
            "authorization": f"Bearer {edge.signer.token(sub=other)}",
        },
    )
    (reached,) = edge.services.reached(ME)
    assert reached.values("x-user-id") == [mine]


async def test_cookie_crumbs_of_http2_are_one_header(edge: Edge) -> None:
    token = edge.signer.token()
    async with httpx.AsyncClient(http2=True, verify=edge.trust) as client:
        for crumbs, status in (
            (["a=b", f"s_access={token}"], 200),
            ([f"s_access={token}", "s_access=other"], 401),
        ):
            answer = await client.get(
                f"{edge.https_url}/api/v1/users/me",
                headers=[("cookie", crumb) for crumb in crumbs],
            )
            assert answer.http_version == "HTTP/2"
            assert answer.status_code == status


async def test_two_cookie_headers_over_http1_never_pass_as_a_third(edge: Edge) -> None:
    """RFC 6265 §5.4 forbids them; how they are joined must not make a token of two halves."""
    first, second, third = edge.signer.token().split(".")
    status, _, _ = await edge.raw(
        "GET /api/v1/users/me HTTP/1.1\r\nhost: x\r\n"
        f"cookie: s_access={first}.{second}\r\ncookie: .{third}\r\n\r\n".encode()
    )
    assert status == 401


async def test_unknown_verb_is_refused_in_json(edge: Edge) -> None:
    answer = await edge.client.request("BREW", "/api/v1/users/me", headers=app(edge))
    assert_refused(answer, 400, "MALFORMED_REQUEST", cors=False)


async def test_two_authorization_headers_are_401(edge: Edge) -> None:
    lines = "".join(f"authorization: Bearer {edge.signer.token()}\r\n" for _ in range(2))
    status, _, body = await edge.raw(
        f"GET /api/v1/users/me HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode()
    )
    assert status == 401
    assert b"TOKEN_INVALID" in body


async def test_grpc_headers_of_a_json_client_do_not_reach_the_service(edge: Edge) -> None:
    answer = await edge.client.get(
        "/api/v1/users/me",
        headers={**app(edge), "grpc-timeout": "1n", "grpc-encoding": "gzip"},
    )
    assert answer.status_code == 200
