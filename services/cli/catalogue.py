"""Everything that can be served or worked, by name: the composition of the system.

A name leads to the builder of a component by module path, so that a process imports only what it
runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from services.runtime.component import Builder

SERVERS: Final[dict[str, str]] = {
    "auth": "services.auth.app:build",
    "users": "services.users.app:build",
    "character": "services.character.app:build",
    "images": "services.images.app:build",
    "scan": "services.scan.app:build",
    "chat": "services.chat.app:build",
    "location": "services.location.app:build",
    "info": "services.info.app:build",
    "authz": "edge.authz.app:build",
    "progress": "edge.progress.app:build",
    "docs": "edge.docs.app:build",
}
"""What ``eco2 serve`` takes."""

STAGES: Final = ("vision", "rule", "answer", "reward")
"""Scan stages; those of one process share a consumer."""

WORKERS: Final[dict[str, str]] = {
    "ownership": "streaming.workers.ownership:build",
    "points": "streaming.workers.points:build",
    "erasure": "streaming.workers.erasure:build",
    "chat": "streaming.chat.app:build",
    "news": "streaming.workers.news.app:build",
    "dlq": "streaming.workers.dlq:build",
}
"""What ``eco2 work`` takes beside the stages."""


class UnknownNameError(Exception):
    """A name that nothing answers to; the message lists those that exist."""


def _load(path: str) -> Builder:
    module, _, name = path.partition(":")
    return cast(Builder, getattr(import_module(module), name))


def server(name: str) -> Builder:
    """Builder of a server."""
    if name not in SERVERS:
        raise UnknownNameError(f"no server is called {name!r}; there are: {', '.join(SERVERS)}")
    return _load(SERVERS[name])


def workers(names: list[str]) -> list[Builder]:
    """Builders of workers; stages named together become one component."""
    known = (*STAGES, *WORKERS)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"no worker is called {name!r}; there are: {', '.join(known)}")
    builders: list[Builder] = []
    stages = tuple(name for name in STAGES if name in names)
    if stages:
        build_stages = getattr(import_module("streaming.pipeline.app"), "build_stages")  # noqa: B009
        builders.append(cast(Builder, build_stages(stages)))
    builders.extend(_load(WORKERS[name]) for name in names if name in WORKERS)
    return builders
