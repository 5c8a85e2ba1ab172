"""The app's side of the REST and SSE surface, as the commands that try the system use it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp

CONNECT_SECONDS = 5.0
CALL_SECONDS = 30.0


class AppError(Exception):
    """The edge refused a request; the text is for a person."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to a submitted scan."""

    job_id: str
    stream_url: str
    result_url: str


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


async def _raise_for(response: aiohttp.ClientResponse) -> None:
    """AppError with reason and Korean text when the response is an error."""
    if response.status < 400:
        return
    reason, message = "", (await response.text())[:300]
    try:
        document = json.loads(message if len(message) < 300 else await response.text())
        message = document.get("message", "")
        for detail in document.get("details", ()):
            reason = reason or detail.get("reason", "")
            if detail.get("@type", "").endswith("LocalizedMessage"):
                message = f"{detail['message']} ({message})"
    except (ValueError, AttributeError):
        pass
    raise AppError(response.status, reason or response.reason or "", message)


class AppClient:
    """A signed-in app; use it as an async context manager."""

    def __init__(self, base_url: str, access_token: str) -> None:
        self._base_url = base_url.rstrip("/") + "/"
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {access_token}"},
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    def _url(self, path: str) -> str:
        return urljoin(self._base_url, path)

    async def get(self, path: str) -> Any:
        """JSON of a GET."""
        async with self._session.get(self._url(path)) as response:
            await _raise_for(response)
            return await response.json()

    async def post(self, path: str, document: Any, headers: dict[str, str] | None = None) -> Any:
        """JSON of a POST."""
        async with self._session.post(self._url(path), json=document, headers=headers) as response:
            await _raise_for(response)
            return await response.json()

    async def upload(self, data: bytes, filename: str, content_type: str) -> str:
        """Upload a photo for a scan; its public URL."""
        ticket = await self.post(
            "/api/v1/images/scan", {"filename": filename, "content_type": content_type}
        )
        async with (
            aiohttp.ClientSession() as storage,  # the presigned PUT carries no credentials
            storage.put(
                ticket["upload_url"], data=data, headers={"content-type": content_type}
            ) as response,
        ):
            if response.status >= 300:
                raise AppError(response.status, "UPLOAD_REFUSED", "the storage refused the upload")
        return str(ticket["cdn_url"])

    async def submit(self, image_url: str, question: str | None = None) -> Submitted:
        """Submit a scan of an uploaded photo."""
        document = {"image_url": image_url} | ({"user_input": question} if question else {})
        answer = await self.post("/api/v1/scan", document)
        return Submitted(answer["job_id"], answer["stream_url"], answer["result_url"])

    async def events(
        self, stream_url: str, last_event_id: str | None = None
    ) -> AsyncGenerator[ServerEvent, None]:
        """Events of a job until the server closes the stream."""
        headers = {"accept": "text/event-stream"}
        if last_event_id:
            headers["last-event-id"] = last_event_id
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=60)
        async with self._session.get(
            self._url(stream_url), headers=headers, timeout=timeout
        ) as response:
            await _raise_for(response)
            fields: dict[str, str] = {}
            async for raw in response.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    name, _, value = line.partition(":")
                    if name:
                        fields[name] = value.removeprefix(" ")
                    continue
                if "data" in fields:
                    yield ServerEvent(
                        fields.get("id", ""),
                        fields.get("event", "message"),
                        json.loads(fields["data"]),
                    )
                fields = {}
