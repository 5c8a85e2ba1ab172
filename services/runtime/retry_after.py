"""How long a server asks to be left alone."""

from __future__ import annotations

from email.utils import parsedate_to_datetime


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` asks for, as a number of them or as a date (RFC 9110 §10.2.3).

    None when there is none that can be read; never below 0 (nor anything else that is no number of
    seconds). `now` is Unix time.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return seconds if seconds > 0 else 0.0
