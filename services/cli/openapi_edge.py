"""What the edge answers itself, in the OpenAPI documents: its ping, and the health of domains."""

from __future__ import annotations

from typing import Final

from services.cli.openapi_errors import HEADER_REASONS, refusals
from services.cli.openapi_schemas import Json

SESSION: Final[list[Json]] = [{"cookie": []}, {"bearer": []}]
"""Either credential will do."""


def ping() -> Json:
    """The operation that tells whether the caller's token is accepted."""
    answer = {"pong": True, "source": "edge"}
    return {
        "operationId": "edge_Ping",
        "tags": ["edge"],
        "summary": "Says whether the caller's token is accepted",
        "description": "Answered by the edge itself; no service is asked.",
        "security": SESSION,
        "responses": {
            "200": {
                "description": "The token is accepted.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": [*answer],
                            "properties": {
                                name: {"const": value} for name, value in answer.items()
                            },
                        },
                        "example": answer,
                    }
                },
            },
            **refusals(HEADER_REASONS, session=True),
        },
    }


def health(domain: str) -> Json:
    """The operation that tells whether a domain is ready."""
    return {
        "operationId": f"{domain}_Health",
        "tags": [domain],
        "summary": f"Whether {domain} is ready",
        "description": "As the gRPC health of its services says, which follows their dependencies.",
        "security": [],
        "responses": {
            "200": _health("Ready.", "ok", domain),
            **refusals(HEADER_REASONS, session=False),
            "503": {
                **_health("Not ready, or it does not answer.", "unavailable", domain),
                "headers": {
                    "Retry-After": {
                        "description": "Seconds to wait.",
                        "schema": {"type": "integer", "minimum": 1},
                    }
                },
            },
        },
    }


def _health(description: str, status: str, domain: str) -> Json:
    return {
        "description": description,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/edge.Health"},
                "example": {"status": status, "service": domain},
            }
        },
    }
