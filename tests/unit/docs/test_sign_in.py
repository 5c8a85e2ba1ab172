"""Who may use the playground's sign-in."""

from __future__ import annotations

import pytest

from edge.docs.sign_in import CLIENT_ADDRESS, check_origin
from services.runtime.errors import DomainError

HERE = {
    "host": "localhost:8080",
    "origin": "http://localhost:8080",
    "x-forwarded-proto": "http",
    CLIENT_ADDRESS: "127.0.0.1",
}


@pytest.mark.parametrize(
    ("host", "scheme", "client"),
    [
        ("localhost:8080", "http", "127.0.0.1"),
        ("localhost:8443", "https", "127.0.0.1"),
        ("127.0.0.1:8080", "http", "127.0.0.1"),
        ("[::1]:8080", "http", "::1"),
        ("192.168.0.7:8080", "http", "192.168.0.9"),
        ("eco2.localhost", "http", "127.0.0.1"),
    ],
)
def test_a_page_of_this_machine_may(host: str, scheme: str, client: str) -> None:
    origin = f"{scheme}://{host}"
    check_origin(
        {"host": host, "origin": origin, "x-forwarded-proto": scheme, CLIENT_ADDRESS: client}
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://localhost:8080"},
        {"origin": "http://localhost:8081"},
        {"origin": "null"},
        {"origin": ""},
        {"x-forwarded-proto": "https"},
        {"host": "rebound.example", "origin": "http://rebound.example"},
        {"host": "localhost.example", "origin": "http://localhost.example"},
        {"host": "notlocalhost", "origin": "http://notlocalhost"},
        {"host": "8.8.8.8", "origin": "http://8.8.8.8"},
        {"host": "", "origin": "http://"},
        {CLIENT_ADDRESS: "8.8.8.8"},
        {CLIENT_ADDRESS: ""},
        {CLIENT_ADDRESS: "nonsense"},
    ],
)
def test_nobody_else_may(changed: dict[str, str]) -> None:
    with pytest.raises(DomainError, match="its own page"):
        check_origin({**HERE, **changed})


def test_a_request_without_headers_is_refused() -> None:
    with pytest.raises(DomainError):
        check_origin({})
