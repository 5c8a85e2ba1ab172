"""A real OpenID provider on loopback (npm ``oidc-provider``), standing in for Google."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Final

import httpx
import pytest

from mesh.local.paths import REPOSITORY
from services.runtime.ports import HOST

FOLDER: Final = Path(__file__).parent / "openid_provider"
INSTALL_SECONDS: Final = 60
START_SECONDS: Final = 15

_ACTION: Final = re.compile(r'action="([^"]+)"')
_PROMPT: Final = re.compile(r'name="prompt" value="([a-z]+)"')
_ABORT: Final = re.compile(r'href="([^"]+/abort)"')


async def _installed() -> Path:
    """Folder with the locked packages, fetched once a lock file; skips where that can't be done."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the OpenID provider needs node and npm")
    lock = (FOLDER / "package-lock.json").read_bytes()
    folder = REPOSITORY / ".eco2" / "node" / hashlib.sha256(lock).hexdigest()[:16]
    if (folder / "node_modules" / "oidc-provider").is_dir():
        return folder
    trial = folder.with_name(f"{folder.name}.{os.getpid()}")
    trial.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, trial)
    install = await asyncio.create_subprocess_exec(
        *("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"),
        cwd=trial,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(install.communicate(), INSTALL_SECONDS)
        if install.returncode != 0:
            pytest.skip(f"the OpenID provider can't be installed: {said.decode()[-300:]}")
        if not folder.exists():
            trial.rename(folder)
    except TimeoutError:
        install.kill()
        await install.wait()
        pytest.skip("the OpenID provider could not be installed in time")
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return folder


@asynccontextmanager
async def openid_provider(
    port: int, client_id: str, client_secret: str, redirect_uris: Sequence[str]
) -> AsyncIterator[str]:
    """Run it; its base URL, which is its issuer too."""
    folder = await _installed()
    config = {
        "port": port,
        "clientId": client_id,
        "clientSecret": client_secret,
        "redirectUris": list(redirect_uris),
    }
    process = await asyncio.create_subprocess_exec(
        *("node", str(FOLDER / "provider.mjs"), json.dumps(config), str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        assert said.strip() == b"ready", said
        yield f"http://{HOST}:{port}"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def sign_in(browser: httpx.AsyncClient, url: str, login: str, *, consent: bool) -> str:
    """Fill in the provider's pages as a user does; the callback address it sends the browser to."""
    base = url.split("/auth?")[0]
    for _ in range(10):
        page = await browser.get(url)
        if page.is_redirect:
            url = str(page.next_request and page.next_request.url)
            if not url.startswith(base):
                return url
            continue
        assert page.status_code == 200, page.text
        form, prompt = _ACTION.search(page.text), _PROMPT.search(page.text)
        assert form is not None, page.text
        assert prompt is not None
        if prompt[1] == "consent" and not consent:
            abort = _ABORT.search(page.text)
            assert abort is not None, page.text
            url = str(page.url.join(unescape(abort[1])))
            continue
        fields = {"prompt": prompt[1], "login": login, "password": "any"}
        sent = await browser.post(str(page.url.join(unescape(form[1]))), data=fields)
        assert sent.is_redirect, sent.text
        url = str(sent.next_request and sent.next_request.url)
    raise AssertionError("the provider goes round in circles")
