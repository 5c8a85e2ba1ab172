"""Addresses of web pages: whether one is, and when two lead to the same page. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

MAX_CHARACTERS: Final = 2048

_TRACKING: Final = re.compile(
    r"utm_.*|fb(?:clid|_.*)|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|twclid|ttclid"
    r"|mc_[ce]id|_ga|_gl|nclick|n_(?:media|query|rank|ad.*|keyword.*)|nservice|spm"
    r"|ocid|cmpid|cmp|wt\.mc_id|ref_src|ref_url|__twitter_impression|amp_.*",
    re.IGNORECASE,
)
"""Parameters that tell where a visitor came from and nothing about the page."""

_PRESENTATION: Final = {"naver.com": frozenset({"sid", "sid1", "sid2", "rc", "lfrom"})}
"""By site: parameters that choose what stands around the article, not the article."""

_CODE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def canonical(url: str) -> str:
    """One spelling of a page's address; ValueError for what is no http(s) address.

    Host in lower case, no default port, no fragment, no user, no tracking parameters;
    percent-encoding in one form. What else the address says stays as it is.
    """
    text = url.strip()
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    if any(sign <= " " or sign == "\x7f" for sign in text):
        raise ValueError("holds a space or a control character")
    parts = urlsplit(text)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("not an http or https address")
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        raise ValueError("not a host name") from None
    port = parts.port  # ValueError when it is none
    site = ":".join((f"[{host}]" if ":" in host else host, str(port)))
    if port is None or port == _DEFAULT_PORTS[scheme]:
        site = site.rpartition(":")[0]
    query = "&".join(
        _encoded(part)
        for part in parts.query.split("&")
        if part and not _says_nothing(unquote(part.partition("=")[0]), host)
    )
    return urlunsplit((scheme, site, _encoded(parts.path) or "/", query, ""))


def same_page_key(url: str) -> bytes:
    """16 bytes that are equal for addresses of one page; ValueError as for :func:`canonical`.

    Beyond the canonical spelling, ``http`` and ``https``, ``www.`` and none, a slash at the end of
    the path and none, and another order of the parameters are taken for the same, as publishers
    serve all of them.
    """
    parts = urlsplit(canonical(url))
    site = parts.netloc.removeprefix("www.")
    query = "&".join(sorted(parts.query.split("&")))
    page = urlunsplit(("", site, parts.path.rstrip("/"), query, ""))
    return hashlib.blake2b(page.encode(), digest_size=16).digest()


def _says_nothing(parameter: str, host: str) -> bool:
    """Whether a parameter leaves the page the same."""
    return _TRACKING.fullmatch(parameter) is not None or any(
        parameter in names
        for site, names in _PRESENTATION.items()
        if host == site or host.endswith(f".{site}")
    )


def _encoded(text: str) -> str:
    """Signs that an address must not hold percent-encoded, and all codes in upper case."""
    encoded = quote(text, safe="/%:@!$&'()*+,;=?~-._")
    return _CODE.sub(lambda code: code.group().upper(), encoded)
