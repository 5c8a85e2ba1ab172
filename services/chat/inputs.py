"""What users send to a turn that waits: whether it fits, and whether it came before. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

from services.chat import refusals
from services.chat.state import Status
from services.chat.turn import Turn
from services.runtime.fingerprint import fingerprint as digest_of

CANCEL: Final = "cancel"
EXPIRED: Final = "expired"
"""Sent by the service when no input came in time."""

VALUE_CHARACTERS: Final = 500


def data_of(kind: str, data: struct_pb2.Struct) -> str:
    """The input as JSON, with the members its type has; DomainError VALIDATION_FAILED."""
    try:
        given: dict[str, Any] = json_format.MessageToDict(data)
    except (ValueError, json_format.Error):  # infinite, or no number
        raise refusals.invalid("data", "must be JSON") from None
    if kind == "location":
        cleaned: Mapping[str, Any] = {
            "latitude": _degrees(given, "latitude", 90),
            "longitude": _degrees(given, "longitude", 180),
        }
    elif kind == "confirmation":
        if not isinstance(given.get("confirmed"), bool):
            raise refusals.invalid("data.confirmed", "must be true or false")
        cleaned = {"confirmed": given["confirmed"]}
    elif kind == "selection":
        value = given.get("value")
        if not isinstance(value, str) or not 0 < len(value) <= VALUE_CHARACTERS:
            raise refusals.invalid("data.value", f"must be a text of 1 to {VALUE_CHARACTERS}")
        cleaned = {"value": value}
    else:
        cleaned = {}
    return json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _degrees(given: Mapping[str, Any], name: str, bound: int) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusals.invalid(f"data.{name}", "must be a number")
    if not math.isfinite(value) or abs(value) > bound:
        raise refusals.invalid(f"data.{name}", f"must be from -{bound} to {bound}")
    return float(value)


def fingerprint(kind: str, data_json: str) -> str:
    """What makes two inputs the same; a digest, so that no place is kept longer than needed."""
    return digest_of(kind, data_json).hex()


def fits(turn: Turn, kind: str, data_json: str) -> bool:
    """Whether an input lets the turn go on; False when it did so before and nothing is to be done.

    DomainError TURN_NOT_WAITING otherwise. Declining fits whatever is asked for.
    """
    if turn.status is Status.WAITING:
        if kind in (CANCEL, turn.input_type):
            return True
    elif turn.last_input == fingerprint(kind, data_json):
        return False
    raise refusals.turn_not_waiting(str(turn.job_id), turn.status, turn.input_type)
