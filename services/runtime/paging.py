"""Where a page of a list begins."""

from __future__ import annotations

from services.runtime import refusals
from services.runtime.cursor import Cursor


def after(text: str, scope: str) -> Cursor | None:
    """The row a page follows, of the ``cursor`` of a request; None for the first page.

    `scope` as for :meth:`Cursor.encode`. DomainError INVALID_CURSOR for a cursor of another list.
    """
    if not text:
        return None
    try:
        return Cursor.decode(text, scope)
    except ValueError:
        raise refusals.invalid_cursor() from None
