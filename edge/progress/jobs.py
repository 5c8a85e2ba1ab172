"""What a job's own domain knows of it: the owner, and how it ended.

Redis may know less than that (it was emptied, or the job ended an hour ago); the domain's database
is the truth.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import grpc
import grpc.aio
from eco2.chat.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc

from streaming.progress import stages
from streaming.progress.event import StoredEvent, StreamId

R = TypeVar("R")

LOOKUP_SECONDS: Final = 2.0
"""Deadline of a question to the domain: a client is waiting."""


class DomainUnavailable(Exception):  # noqa: N818 - says what happened to the domain
    """The domain could not answer."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its domain sees it."""

    user_id: str
    domain: stages.Domain
    ending: tuple[StoredEvent, ...]
    """The event that ends its stream, after those that are told only once the job has ended; empty
    while it runs."""


class JobSource(Protocol):
    """A domain that has jobs."""

    async def get(self, job_id: str) -> Job | None:
        """The job, or None when there is no such one; raises DomainUnavailable."""
        ...


class ScanJobs:
    """Asks ScanService.GetJob."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._scan = scan_service_pb2_grpc.ScanServiceStub(channel)

    async def get(self, job_id: str) -> Job | None:
        """The scan job, or None; raises DomainUnavailable."""
        request = scan_service_pb2.GetJobRequest(job_id=job_id)
        response = await _answer("scan", self._scan.GetJob(request, timeout=LOOKUP_SECONDS))
        if response is None:
            return None
        return Job(response.job.user_id, "scan", scan_ending(response.job))


class ChatJobs:
    """Asks ChatService.GetTurn."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._chat = chat_service_pb2_grpc.ChatServiceStub(channel)

    async def get(self, job_id: str) -> Job | None:
        """The turn, or None; raises DomainUnavailable."""
        request = chat_service_pb2.GetTurnRequest(job_id=job_id)
        response = await _answer("chat", self._chat.GetTurn(request, timeout=LOOKUP_SECONDS))
        if response is None:
            return None
        return Job(response.turn.user_id, "chat", chat_ending(response.turn))


async def _answer(domain: str, call: Awaitable[R]) -> R | None:
    """What a domain answers; None when it knows no such job, raises DomainUnavailable."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
            return None
        raise DomainUnavailable(f"{domain}: {error.code().name}") from error


def scan_ending(job: scan_pb2.Job) -> tuple[StoredEvent, ...]:
    """The events that tell how a scan ended; none while it runs."""
    last = _last("scan", job)
    if last is None:
        return ()
    if last.status != stages.COMPLETED:
        return (last,)
    at = StreamId(last.id.ms - 1, 0)
    stored = _event("scan", at, last.job_id, stages.STORES_SCAN, stages.COMPLETED)
    return stored, last


def chat_ending(turn: chat_pb2.Turn) -> tuple[StoredEvent, ...]:
    """The event that tells how a turn ended; none while it runs or waits for its user."""
    last = _last("chat", turn)
    return () if last is None else (last,)


def _last(domain: stages.Domain, job: scan_pb2.Job | chat_pb2.Turn) -> StoredEvent | None:
    """The last event of a job, as who ended it publishes it, with the time of that as its id."""
    ended = job.finished_at
    id_ = StreamId(ended.seconds * 1000 + ended.nanos // 1_000_000, 0)
    if job.status == "completed":
        status, result = stages.COMPLETED, job.result_json
        message = "" if domain == "chat" else None
    elif job.status in ("failed", "cancelled"):
        status, message = stages.FAILED, job.error_message or "취소된 작업입니다."
        result = json.dumps({"error": message}, ensure_ascii=False)
    else:
        return None
    return _event(domain, id_, job.job_id, stages.DONE, status, _in_one_line(result), message)


def _event(
    domain: stages.Domain,
    id_: StreamId,
    job_id: str,
    name: str,
    status: str,
    result: str | None = None,
    message: str | None = None,
) -> StoredEvent:
    return StoredEvent(
        id_,
        job_id,
        name,
        status,
        stages.lowest_seq(domain, name, status),
        stages.percentage(domain, name, status),
        result,
        message,
    )


def _in_one_line(document: str) -> str:
    """A JSON document without line ends, which would break an SSE frame."""
    if "\n" in document or "\r" in document:
        return json.dumps(json.loads(document), ensure_ascii=False, separators=(",", ":"))
    return document
