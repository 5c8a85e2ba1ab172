"""Which addresses a stranger's URL may lead to."""

from __future__ import annotations

import ipaddress

import pytest
from yarl import URL

from services.runtime.outbound import AddressForbiddenError
from services.runtime.outbound.addresses import Guard, is_public


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]
)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("0.0.0.0", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1"),
        # an IPv4 address in IPv6 clothes: mapped, 6to4, NAT64, Teredo
        *("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"),
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "/relative",
        "http://user:password@example.org/",
        "http://example.org:22/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_urls_that_are_forbidden_by_their_form(url: str) -> None:
    with pytest.raises(AddressForbiddenError):
        Guard().check(URL(url))


@pytest.mark.parametrize("url", ["http://example.org/a", "https://example.org/", "http://8.8.8.8/"])
def test_urls_that_may_be_tried(url: str) -> None:
    Guard().check(URL(url))


def test_a_network_may_be_let_through_on_any_port() -> None:
    guard = Guard(["127.0.0.0/8"])
    guard.check(URL("http://127.0.0.1:12345/"))
    assert guard.allows("127.0.0.1")
    assert not guard.allows("10.0.0.1")
    assert not guard.allows("not an address")
