"""Which addresses a URL of a stranger may lead to.

The check is made on the address that is connected to, not on the name before it is resolved, so a
name that resolves differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from services.runtime.outbound.errors import AddressForbiddenError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that a gateway turns into the IPv4 address in their last 32 bits (RFC 6052)."""


class Guard:
    """Decides on addresses and URLs; `also_allowed` are networks let through on any port."""

    def __init__(self, also_allowed: Iterable[str] = ()) -> None:
        self._also = tuple(ipaddress.ip_network(network) for network in also_allowed)

    def allows(self, host: str) -> bool:
        """Whether a literal address may be connected to."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return self._exempt(address) or is_public(address)

    def check(self, url: URL) -> None:
        """Raise AddressForbiddenError for a URL whose form alone forbids it."""
        if url.scheme not in ("http", "https") or not url.host:
            raise AddressForbiddenError(f"not a web address: {url.scheme or 'no scheme'}")
        if url.user or url.password:
            raise AddressForbiddenError(f"{url.host}: credentials in a URL are not sent")
        literal = _literal(url.host)
        if literal is not None and self._exempt(literal):
            return
        if literal is not None and not is_public(literal):
            raise AddressForbiddenError(f"{url.host} is not a public address")
        if url.port not in (80, 443):
            raise AddressForbiddenError(f"{url.host}: port {url.port} is not a web server's")

    def _exempt(self, address: Address) -> bool:
        return any(address in network for network in self._also)


class PublicResolver(AbstractResolver):
    """Resolves names and leaves out the addresses that must not be connected to."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of `host`; AddressForbiddenError when it has others only."""
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if self._guard.allows(result["host"])]
        if not allowed:
            raise AddressForbiddenError(f"{host} leads to no public address")
        return allowed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be reached there, and nobody on this network."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
