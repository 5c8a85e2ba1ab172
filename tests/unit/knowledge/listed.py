"""The published identifiers, read from a copy that does not come from the knowledge itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

_RAW: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "item_list.yaml").read_text(encoding="utf-8")
)

ENTRIES: Final[list[tuple[str, str, str]]] = [
    (group["major"], group["middle"], name) for group in _RAW["entries"] for name in group["names"]
]
TAGS: Final[list[str]] = _RAW["situation_tags"]
SPELLINGS: Final[list[list[str]]] = _RAW["spelled_more_than_one_way"]
IN_TWO_CLASSES: Final = "식품용기"
