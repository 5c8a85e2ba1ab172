"""Which paths the docs server answers, derived from the descriptors. Pure.

The one source for the edge's routes, for ext-authz and for the server itself. Every path is a
literal, so nothing is looked up in a file system by what a client sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from services.runtime.routes import RouteTable

Kind = Literal["docs", "document", "health", "asset", "playground", "session"]

MERGED: Final = "eco2"
"""Name of the OpenAPI document that holds every domain."""

READ: Final = ("GET", "HEAD")

SWAGGER_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
"""What is served of the package swagger-ui-py."""

OWN_FILES: Final = ("docs.css", "docs.js")
"""What is served of ``edge/docs/static`` beside it."""

PLAYGROUND_FILES: Final = (
    *("playground.css", "icon.svg", "sample.jpg", "app.js", "api.js", "calls.js", "markdown.js"),
    *("scan.js", "chat.js", "places.js", "me.js", "news.js"),
)
"""What the playground's page loads."""

SESSION: Final = "/playground/session"
"""Where the playground signs in."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One path of the docs server."""

    path: str
    kind: Kind
    name: str
    """Domain or :data:`MERGED`; name of the file for an asset or a page of the playground."""

    verbs: tuple[str, ...] = READ


def prefixes(table: RouteTable) -> Mapping[str, str]:
    """Domain → beginning of its paths, ``location`` → ``/api/v1/locations``, sorted by domain.

    A domain without paths of its own, which only streams, has one by its name.
    """
    found: dict[str, Counter[str]] = {}
    for route in table.routes:
        if route.access == "internal":
            continue
        counted = found.setdefault(route.domain, Counter())
        if route.path is not None:
            counted["/" + "/".join(route.path.segments[:3])] += 1
    return {
        domain: counted.most_common(1)[0][0] if counted else f"/api/v1/{domain}"
        for domain, counted in sorted(found.items())
    }


def health_path(prefix: str) -> str:
    """Where a domain says whether it is ready."""
    return f"{prefix}/health"


def document_path(prefix: str) -> str:
    """Where a domain's OpenAPI document is."""
    return f"{prefix}/openapi.json"


def docs_path(prefix: str) -> str:
    """Where a domain's documentation page is."""
    return f"{prefix}/docs"


@lru_cache(maxsize=8)
def pages(table: RouteTable, *, playground: bool) -> Mapping[str, Page]:
    """Every page by its path; those of the playground only when it is switched on."""
    found = [_page("/docs", "docs", MERGED), _page("/openapi.json", "document", MERGED)]
    for domain, prefix in prefixes(table).items():
        found += [
            _page(docs_path(prefix), "docs", domain),
            _page(document_path(prefix), "document", domain),
            _page(health_path(prefix), "health", domain),
        ]
    found += [_page(f"/docs/{name}", "asset", name) for name in (*SWAGGER_FILES, *OWN_FILES)]
    if playground:
        found.append(_page("/", "playground", "index.html"))
        found += [_page(f"/playground/{name}", "playground", name) for name in PLAYGROUND_FILES]
        found.append(Page(path=SESSION, kind="session", name="session", verbs=("POST",)))
    return {page.path: page for page in found}


def _page(path: str, kind: Kind, name: str) -> Page:
    return Page(path=path, kind=kind, name=name)
