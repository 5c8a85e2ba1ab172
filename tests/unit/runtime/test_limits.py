from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.limits import Limit, key_of, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unknown", "unknown"),
        ("203.0.113.9:4711", "203.0.113.9:4711"),
    ],
)
def test_an_address_stands_for_whoever_can_take_it(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_64_share_an_allowance(address: IPv6Address, host: int) -> None:
    other = IPv6Address((int(address) >> 64 << 64) | host)
    if address.ipv4_mapped or other.ipv4_mapped:
        return
    assert network_of(str(address)) == network_of(str(other))


@given(st.text(), st.text())
def test_subjects_and_limits_have_keys_of_their_own(one: str, two: str) -> None:
    limit = Limit("scan", 1)
    assert (key_of(limit, one) == key_of(limit, two)) == (one == two)
    assert key_of(limit, one) != key_of(Limit("login", 1), one)
