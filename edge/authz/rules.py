"""Who may ask for what, from the access option of every method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.docs.pages import pages
from services.runtime.routes import Access, RouteTable

PING: Final = ("GET", "/api/v1/authz/ping")
"""Answered by the edge itself for whoever has a valid token."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Access of one method, or of one thing the edge answers itself."""

    access: Access
    rpc: str
    domain: str


class AccessRules:
    """Looks rules up by HTTP request; gRPC calls are POST requests to the method's path."""

    def __init__(self, table: RouteTable, *, playground: bool = False) -> None:
        """`playground` says whether its pages and its sign-in are served."""
        self._table = table
        self._pages = pages(table, playground=playground)
        self._page = Rule("public", "/edge/docs", "edge")
        self._by_rpc = {
            route.rpc: Rule(route.access, route.rpc, route.domain) for route in table.routes
        }
        self._ping = Rule("session", "/edge/ping", "edge")

    def rule_for(self, method: str, path: str) -> Rule | None:
        """Rule of a request; None when nothing is served there."""
        page = self._pages.get(path)
        if page is not None:
            return self._page if method in page.verbs else None
        route = self._table.route_for(method, path)
        if route is not None:
            return self._by_rpc[route.rpc]
        if (method, path) == PING:
            return self._ping
        return self._by_rpc.get(path) if method == "POST" else None
