"""Answers of public services as they are recorded: their shapes and field names, with made-up
values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

KEY_UNKNOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><OpenAPI_ServiceResponse><cmmMsgHeader>'
    b"<errMsg>SERVICE ERROR</errMsg>"
    b"<returnAuthMsg>SERVICE_KEY_IS_NOT_REGISTERED_ERROR</returnAuthMsg>"
    b"<returnReasonCode>30</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
)
QUOTA_USED_UP = KEY_UNKNOWN.replace(b">30<", b">22<")
TIMED_OUT = json.dumps(
    {"OpenAPI_ServiceResponse": {"cmmMsgHeader": {"returnReasonCode": "05"}}}
).encode()
BAD_CALL = json.dumps({"responseTime": "x", "resultCode": "10", "resultMsg": "x"}).encode()
NO_DATA = json.dumps(
    {"response": {"header": {"resultCode": "03", "resultMsg": "NO_DATA"}}}
).encode()


def portal(rows: Any, *, code: str = "00", total: Any = 1) -> bytes:
    """An ordinary answer of the portal."""
    body = {"dataType": "JSON", "items": {"item": rows}, "pageNo": 1, "numOfRows": 10}
    header = {"resultCode": code, "resultMsg": "NORMAL_SERVICE"}
    document = {"response": {"header": header, "body": {**body, "totalCount": total}}}
    return json.dumps(document, ensure_ascii=False).encode()


def observed(**values: str) -> list[dict[str, Any]]:
    """Rows of ``getUltraSrtNcst``."""
    return [
        {
            "baseDate": "20260701",
            "baseTime": "1100",
            "category": category,
            "nx": 60,
            "ny": 127,
            "obsrValue": value,
        }
        for category, value in values.items()
    ]


def forecast(hours: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Rows of ``getVilageFcst``: values by ``YYYYMMDD HHMM``."""
    return [
        {
            "baseDate": "20260701",
            "baseTime": "1100",
            "category": category,
            "fcstDate": at.split()[0],
            "fcstTime": at.split()[1],
            "fcstValue": value,
            "nx": 60,
            "ny": 127,
        }
        for at, values in hours.items()
        for category, value in values.items()
    ]


def odcloud(rows: Sequence[Any]) -> bytes:
    """An answer of api.odcloud.kr."""
    document = {"page": 1, "perPage": 10, "totalCount": 1, "currentCount": 1, "matchCount": 1}
    return json.dumps({**document, "data": rows}, ensure_ascii=False).encode()
