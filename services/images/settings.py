"""Settings of the images service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.objectstore import ObjectStoreSettings


class ImagesSettings(ObjectStoreSettings):
    """Limits of uploads and times of the sweeper."""

    image_max_bytes: int = Field(default=10 * 1024 * 1024, gt=0)
    """Largest image that can be used; a presigned PUT itself can't bound what is uploaded."""

    upload_seconds: int = Field(default=900, ge=1, le=7 * 86400)
    """How long a presigned upload is valid and its record pending (docs/app.md, "Pictures")."""

    upload_metadata_max_bytes: int = Field(default=4096, ge=0)
    """Largest metadata document, as JSON."""

    orphan_grace_seconds: float = Field(default=3600.0, ge=0)
    """How long an object that nothing uses is left alone after its upload has expired."""

    image_sweep_seconds: float = Field(default=60.0, gt=0)
    """Pause between two passes of the sweeper."""

    image_sweep_batch: int = Field(default=1000, ge=1, le=1000)
    """Uploads that are handled at a time, and keys of the bucket one pass looks at."""
