"""The proxy between this process and servers outside, as the environment names it."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

PORTS: Final = {"http": 80, "https": 443}

HEAD_BYTES: Final = 64 * 1024
"""Longest answer of a proxy that opens a tunnel."""


def proxy_to(server: SplitResult) -> SplitResult | None:
    """The proxy that the environment wants for a server (``HTTPS_PROXY``, ``NO_PROXY``, …); None
    for none. ValueError for one of another kind than http(s).
    """
    if proxy_bypass(server.hostname or ""):
        return None
    found = getproxies().get(server.scheme)
    if not found:
        return None
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    if proxy.scheme not in PORTS or not proxy.hostname:
        raise ValueError(f"a proxy has an address of http or https, not of {proxy.scheme!r}")
    return proxy


def port_of(address: SplitResult) -> int:
    """The port of an address of http(s)."""
    return address.port or PORTS[address.scheme]


def authorization(proxy: SplitResult) -> str:
    """The header line of a proxy's user; empty when its address names none."""
    if proxy.username is None:
        return ""
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"proxy-authorization: Basic {b64encode(user.encode()).decode()}\r\n"


async def tunnel(proxy: SplitResult, server: SplitResult, tls: ssl.SSLContext) -> asyncio.Transport:
    """A connection that a proxy opens to a server (RFC 9110 §9.3.6); `tls` is for the proxy's own
    sake, if it speaks https. Raises OSError.
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    transport, _ = await loop.create_connection(
        lambda: _Opening(opened),
        proxy.hostname or "",
        port_of(proxy),
        ssl=tls if proxy.scheme == "https" else None,
    )
    host = server.hostname or ""
    where = f"[{host}]:{port_of(server)}" if ":" in host else f"{host}:{port_of(server)}"
    asked = f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n{authorization(proxy)}\r\n"
    try:
        transport.write(asked.encode("latin-1"))
        await opened
    except BaseException:
        transport.abort()
        raise
    return transport


class _Opening(asyncio.Protocol):
    """Waits for a proxy to open a tunnel."""

    def __init__(self, opened: asyncio.Future[None]) -> None:
        self._opened = opened
        self._head = b""

    def data_received(self, data: bytes) -> None:
        """The proxy's answer, whose head is all there is of a good one."""
        self._head += data
        whole = b"\r\n\r\n" in self._head or len(self._head) > HEAD_BYTES
        if self._opened.done() or not whole:
            return
        if self._head.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
            self._opened.set_result(None)
        else:
            self._opened.set_exception(ConnectionError("the proxy opens no connection"))

    def connection_lost(self, error: Exception | None) -> None:
        """It does not."""
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("the proxy closed the connection"))
