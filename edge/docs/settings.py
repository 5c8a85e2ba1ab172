"""Settings of the docs server."""

from __future__ import annotations

from pydantic import Field

from services.runtime.objectstore import ObjectStoreSettings


class DocsSettings(ObjectStoreSettings):
    """What documentation, health and the playground depend on.

    The playground's page may talk to the object storage, so its address is part of it.
    """

    docs_health_seconds: float = Field(default=1.0, ge=0)
    """How long an answer about a domain's health is given again without asking the domain."""

    docs_health_timeout_seconds: float = Field(default=1.0, gt=0)
    """How long a domain may take to say that it is healthy."""
