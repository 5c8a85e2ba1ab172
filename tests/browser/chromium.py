"""The Chromium that the tests drive."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    # No sandbox: tests run as root in containers, and only pages of our own are opened.
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)


def executable() -> str | None:
    """Path of the browser: ``ECO2_BROWSER``, or the first of the usual names; None without one."""
    given = os.environ.get("ECO2_BROWSER")
    names = (given,) if given else NAMES
    return next((path for name in names if (path := shutil.which(name))), None)


async def launch(playwright: Playwright, flags: Iterable[str] = ()) -> Browser:
    """Start it; `flags` beside the usual ones."""
    path = executable()
    if path is None:
        raise FileNotFoundError("no Chromium here")
    return await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
