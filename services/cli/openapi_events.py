"""Event streams in the OpenAPI documents.

OpenAPI 3.1 has no word for server-sent events, so each is described by the extension
``x-sse-events`` of its media type: name of the event → schema of its ``data``. Stages and their
order come from :mod:`streaming.progress.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.cli.openapi_schemas import Json
from streaming.progress.stages import DONE, STAGES, TOKEN

NEEDS_INPUT = "needs_input"


def stream_domain(template: str) -> str:
    """The domain whose jobs an event path is about; the legacy path serves those of scan."""
    word = template.strip("/").split("/")[2]
    return word if word in STAGES else "scan"


def resumption(template: str) -> list[Json]:
    """Parameters that say what a client has seen."""
    found: list[Json] = [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "Id of the last event seen; what came after it is replayed.",
            "schema": {"type": "string", "maxLength": 64},
        }
    ]
    if NEEDS_INPUT in STAGES[stream_domain(template)]:
        found.append(
            {
                "name": "last_token_seq",
                "in": "query",
                "description": "`seq` of the last token seen; later ones follow.",
                "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
            }
        )
    return found


def success(overlay: Mapping[str, Any], template: str) -> Json:
    """The 200 of an event path; its texts and its example stand in the overlay."""
    domain = stream_domain(template)
    events = {stage: _schema("StageEvent") for stage in STAGES[domain]}
    events[DONE] = _schema(f"{domain.title()}Done")
    if NEEDS_INPUT in events:
        events[NEEDS_INPUT] = _schema("NeedsInput")
        events[TOKEN] = _schema("Token")
        events["token_recovery"] = _schema("TokenRecovery")
    events["keepalive"] = _schema("Keepalive")
    events["error"] = _schema("Failure")
    texts: Mapping[str, Any] = overlay["event_streams"]
    written = texts[domain]
    names = ", ".join(f"`{name}`" for name in events)
    return {
        "description": f"{texts['all']}{written['description']} Events: {names}.",
        "headers": {
            "Cache-Control": {"schema": {"const": "no-cache"}},
            "X-Accel-Buffering": {"schema": {"const": "no"}},
        },
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": written["example"],
                "x-sse-events": events,
            }
        },
    }


def _schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/progress.{name}"}
