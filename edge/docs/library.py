"""Makes the content of every page: OpenAPI documents, documentation, files, the playground."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge.docs.content import FRESH_SECONDS, Content
from edge.docs.pages import (
    MERGED,
    SWAGGER_FILES,
    Page,
    docs_path,
    document_path,
    health_path,
    prefixes,
)
from edge.docs.settings import DocsSettings
from services.runtime.routes import DESCRIPTOR, RouteTable

_HERE: Final = Path(__file__).resolve().parent
_SAMPLE: Final = _HERE.parents[1] / "mesh" / "local" / "samples" / "pet_bottle.jpg"

OPENAPI: Final = DESCRIPTOR.parents[1] / "openapi"
"""The documents that `eco2 gen` writes."""

_STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
DOCS_POLICY: Final = f"{_STRICT}; img-src 'self' data:; connect-src 'self'"
"""Content-Security-Policy of the documentation; Swagger UI draws its icons from data URLs."""


def playground_policy(settings: DocsSettings) -> str:
    """Content-Security-Policy of the playground: uploads go to the object storage, pictures come
    from the CDN.
    """
    storage = _origin(settings.s3_public_endpoint or settings.s3_endpoint)
    pictures = _origin(settings.cdn_base_url)
    return f"{_STRICT}; img-src 'self' blob: {pictures}; connect-src 'self' {storage}"


def library(
    table: RouteTable, pages: Mapping[str, Page], settings: DocsSettings
) -> dict[str, Content]:
    """Content by path; FileNotFoundError when something that ought to be installed is not."""
    made: dict[str, Content] = {}
    swagger = _swagger_folder()
    for page in pages.values():
        if page.kind == "document":
            made[page.path] = Content((OPENAPI / f"{page.name}.json").read_bytes(), "json")
        elif page.kind == "docs":
            made[page.path] = Content(
                _docs_page(table, page.name, settings).encode(), "html", DOCS_POLICY
            )
        elif page.kind == "asset":
            folder = swagger if page.name in SWAGGER_FILES else _HERE / "static"
            made[page.path] = _file(folder / page.name)
        elif page.kind == "playground":
            file = _SAMPLE if page.name == "sample.jpg" else _HERE / "playground" / page.name
            made[page.path] = _file(file, playground_policy(settings), fresh_seconds=0)
    return made


def _file(path: Path, policy: str = "", fresh_seconds: int = FRESH_SECONDS) -> Content:
    ending = path.suffix.removeprefix(".")
    return Content(path.read_bytes(), ending, policy if ending == "html" else "", fresh_seconds)


def _swagger_folder() -> Path:
    """Swagger UI in its package, whose code (for web frameworks) is of no use here."""
    package = find_spec("swagger_ui")
    if package is None or package.origin is None:
        raise FileNotFoundError("the package swagger-ui-py is not installed; run `make setup`")
    return Path(package.origin).parent / "static"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _docs_page(table: RouteTable, name: str, settings: DocsSettings) -> str:
    """The documentation page of a domain, or of all of them."""
    hint = (
        ' · sign in at the <a href="/">playground</a>, and “Try it out” uses that session'
        if settings.playground_served
        else ""
    )
    domains = prefixes(table)
    links = "".join(
        f'<a href="{docs_path(prefix)}"{_current(domain == name)}>{domain}</a>'
        for domain, prefix in domains.items()
    )
    document = "/openapi.json" if name == MERGED else document_path(domains[name])
    also = "" if name == MERGED else f' · <a href="{health_path(domains[name])}">health</a>'
    cards = "".join(
        f'<li data-health="{health_path(prefix)}"><a href="{docs_path(prefix)}">{domain}</a> '
        f'<a class="small" href="{document_path(prefix)}">openapi.json</a> '
        f'<a class="small state" href="{health_path(prefix)}">…</a></li>'
        for domain, prefix in domains.items()
    )
    index = f'<ul class="cards" aria-label="Domains">{cards}</ul>' if name == MERGED else ""
    title = "eco2 API" if name == MERGED else f"eco2 API · {html.escape(name)}"
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">\n'
        '<link rel="stylesheet" href="/docs/swagger-ui.css">\n'
        '<link rel="stylesheet" href="/docs/docs.css"></head>\n'
        '<body><header><a class="brand" href="/docs">eco2 API</a>'
        f'<nav aria-label="Documents"><a href="/docs"{_current(name == MERGED)}>all</a>{links}'
        "</nav></header>\n"
        f'<p class="document">OpenAPI 3.1: <a href="{document}">{document}</a>{also}{hint}</p>'
        f"{index}\n"
        f'<main id="swagger-ui" data-document="{document}"></main>\n'
        "<noscript>The operations are drawn by a script; the document is linked above.</noscript>\n"
        '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/docs.js"></script>\n'
        "</body></html>\n"
    )


def _current(is_it: bool) -> str:
    return ' aria-current="page"' if is_it else ""
