"""Origins that pages of the tests have: an empty page at each, wherever it really is served."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from mesh.local import tls
from services.runtime.ports import HOST

APP = "https://localhost:5173"
"""The app's development server."""

STRANGER = "https://localhost:5999"
"""An origin of the same site that is not in the list."""

INSECURE = "http://localhost:3000"
"""An origin of the list whose scheme is not the API's: another site, as browsers see it."""

PAGE = b"<!doctype html><meta charset=utf-8><title>app</title>"


@asynccontextmanager
async def serving(certificates: Path) -> AsyncIterator[str]:
    """Serve them on free ports; the flag that tells Chromium where they are."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(tls.certificate(certificates), tls.key(certificates))
    servers = {
        origin: await asyncio.start_server(
            _page, HOST, 0, ssl=trust if origin.startswith("https:") else None
        )
        for origin in (APP, STRANGER, INSECURE)
    }
    rules = ",".join(
        f"MAP {origin.partition('//')[2]} {HOST}:{server.sockets[0].getsockname()[1]}"
        for origin, server in servers.items()
    )
    try:
        yield f"--host-resolver-rules={rules}"
    finally:
        for server in servers.values():
            server.close()


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An empty page for any request."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n"
        writer.write(f"{head}content-length: {len(PAGE)}\r\n\r\n".encode() + PAGE)
        await writer.drain()
    writer.close()
