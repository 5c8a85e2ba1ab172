"""What the adapters of the public data portal (data.go.kr) share: key, envelope and errors.

Errors come with status 200 in several shapes. A key that is not registered, a used-up quota or a
data set that timed out are told as XML whatever format was asked for, as the same document in JSON,
or in the header of an ordinary answer. Codes as in the portal's error table: 0 fine, 3 nothing
there, 1–5 and 99 failures of the service, 22 the day's quota is used up, the others a fault of the
call or of the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from services.runtime.context import ProcessContext
from services.runtime.outbound import (
    Answer,
    Outbound,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
    Policy,
    client,
)
from streaming.chat.external.reading import members
from streaming.chat.external.settings import ToolSettings

A = TypeVar("A")

FINE: Final = 0
NOTHING: Final = 3
PASSING: Final = frozenset({1, 2, 4, 5, 99})
QUOTA: Final = 22

QUOTA_PAUSE_SECONDS: Final = 3600.0
"""Longer than anybody waits: the quota of a data set is counted by the day."""

_XML_CODE: Final = re.compile(rb"<(?:returnReasonCode|resultCode)>\s*(\d{1,4})\s*</")
_WRITTEN_CODE: Final = re.compile(r"[0-9]{1,4}")
_HEAD_BYTES: Final = 4096


class NothingThere(OutboundInvalid):
    """The data set has nothing for the question (code 3), or not yet."""


async def connect(
    context: ProcessContext,
    settings: ToolSettings,
    adapter: Callable[[Outbound, ToolSettings], A],
    policy: Policy,
) -> A | None:
    """An adapter of one of the portal's services; None without a key."""
    if not settings.data_portal_key.get_secret_value():
        return None
    return adapter(await client(context, policy), settings)


def body_of(answer: Answer) -> Any:
    """The ``body`` of an ordinary answer, None where it has none.

    Raises NothingThere or another OutboundError for an answer that tells an error; its message
    names the host and the code, never the key.
    """
    host = answer.url.split("/", 3)[2]
    document = _document(answer.body)
    code = _code(document) if document is not None else _code_of_xml(answer.body)
    if code == FINE:
        return members(document, "response", "body")
    if code is None:
        # a page of the portal's own, when it is down or being repaired
        raise OutboundUnavailable(f"{host}: neither data nor a result code")
    told = f"{host}: result {code}"
    if code == NOTHING:
        raise NothingThere(told)
    if code in PASSING:
        raise OutboundUnavailable(told)
    if code == QUOTA:
        raise OutboundUnavailable(told, retry_after_seconds=QUOTA_PAUSE_SECONDS)
    raise OutboundRefused(told, answer.status)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _code_of_xml(body: bytes) -> int | None:
    found = _XML_CODE.search(body[:_HEAD_BYTES])
    return None if found is None else int(found.group(1))


def _code(document: Any) -> int | None:
    for path in (
        ("response", "header", "resultCode"),
        ("OpenAPI_ServiceResponse", "cmmMsgHeader", "returnReasonCode"),
        ("resultCode",),
    ):
        value = members(document, *path)
        if isinstance(value, str | int) and _WRITTEN_CODE.fullmatch(str(value)):
            return int(value)
    return None
