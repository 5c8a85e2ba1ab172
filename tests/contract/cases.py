"""A request for every HTTP rule and every gRPC method of the descriptors."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.path_template import parse
from services.runtime.routes import Route, routes, sse_templates

VALUES = {"channel": "scan", "provider": "google", "id": "7"}
"""Values of path variables that are no UUIDs."""

ANY = "0f9b4c1e-8d1f-4a53-9d53-9a4c7d7e2b10"


def path_of(template: str) -> str:
    """A path the template matches."""
    path = template
    for name in parse(template).variables:
        path = path.replace("{" + name + "}", VALUES.get(name, ANY))
    return path


@dataclass(frozen=True)
class HttpRule:
    """One binding of one method."""

    route: Route
    verb: str
    path: str

    def __str__(self) -> str:
        return f"{self.verb} {self.route.template}"

    @property
    def body(self) -> bytes | None:
        """The least body the rule takes."""
        return b"{}" if self.route.body else None


HTTP_RULES = [
    HttpRule(route, route.http_method, path_of(route.template))
    for route in routes()
    if route.http_method is not None and route.template is not None
]
SESSION_RULES = [rule for rule in HTTP_RULES if rule.route.access == "session"]
PUBLIC_RULES = [rule for rule in HTTP_RULES if rule.route.access == "public"]

METHODS = list({route.rpc: route for route in routes()}.values())
INTERNAL_METHODS = [route for route in METHODS if route.access == "internal"]
SESSION_METHODS = [route for route in METHODS if route.access == "session"]
EXPOSED_METHODS = [route for route in METHODS if route.access != "internal"]

EVENT_PATHS = [path_of(template) for template in sse_templates()]
