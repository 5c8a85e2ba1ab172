"""The offline provider: reads the print on a photo with tesseract, answers from the rule documents.

It needs no key and no network. It knows no shapes or colours: what it can tell it tells from
recycling marks, label words and the user's own words, and it says ``미분류`` when they don't tell.
"""

from __future__ import annotations

from streaming.model.offline.options import OfflineOptions
from streaming.model.offline.provider import OfflineProvider

__all__ = ["OfflineOptions", "OfflineProvider"]
