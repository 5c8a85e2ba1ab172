"""The connections to one server that speaks HTTP: kept open, shared by all of its calls.

They are aiohttp's own. A call through the SDK's transport, which wraps the same library into
requests and responses of another, cost 2.5 ms of CPU at the pace of a process that mostly waits,
and costs 1.3 ms directly.
"""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from streaming.model.provider import ModelError, ModelTimeout, ModelUnavailable


class Connections:
    """Opens connections when they are first needed; whoever reads an answer to its end gives its
    connection back.
    """

    def __init__(self, url: URL, connect_seconds: float) -> None:
        """`url` is any address of the server."""
        self._proxy = proxy_to(url)
        self._connect = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, made when first asked for. Its calls have no limit but that of connecting:
        callers set one around theirs.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # how many there are at a time is the guard's business
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=self._proxy,
            )
        return self._session

    async def close(self) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def proxy_to(url: URL) -> str | None:
    """The proxy that the environment wants for a server (``HTTPS_PROXY``, ``NO_PROXY``, …); None
    for none. Asked once: aiohttp's ``trust_env`` looks it up in every call, in a thread.
    """
    if proxy_bypass(url.host or ""):
        return None
    found = getproxies().get(url.scheme)
    return found if not found or "://" in found else f"http://{found}"


def trouble(error: BaseException, seconds: float) -> ModelError:
    """What a failed call is to its caller, who gave it so many seconds. A server that can't be
    connected to in time is away; one that was reached and keeps silent takes too long.
    """
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return ModelTimeout(f"no answer within {seconds:g} s")
    return ModelUnavailable("not reachable")
