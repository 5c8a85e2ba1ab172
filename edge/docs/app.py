"""The component docs: documentation and health of every domain, and the playground."""

from __future__ import annotations

from edge.docs.health import DomainHealth, services_of
from edge.docs.library import library
from edge.docs.pages import pages
from edge.docs.server import DocsServer
from edge.docs.settings import DocsSettings
from edge.docs.sign_in import Issue
from services.runtime import local_session
from services.runtime.component import Component, HttpApp
from services.runtime.context import ProcessContext
from services.runtime.local_session import Issued
from services.runtime.routes import table


async def build(context: ProcessContext) -> Component:
    """Make the component. It is always ready: what it says of a domain is the domain's matter."""
    settings = context.settings(DocsSettings)
    served = table()
    found = pages(served, playground=settings.playground_served)
    health = DomainHealth(
        context.channel,
        services_of(served),
        keep_seconds=settings.docs_health_seconds,
        timeout_seconds=settings.docs_health_timeout_seconds,
    )
    server = DocsServer(
        found,
        library(served, found, settings),
        health,
        _issuing(context, settings) if settings.playground_served else None,
    )
    return Component(name="docs", http=(HttpApp(port="docs", app=server),))


def _issuing(context: ProcessContext, settings: DocsSettings) -> Issue:
    async def issue(name: str) -> Issued:
        (issued,) = await local_session.issue(
            [name],
            settings.profile,
            users=context.channel("users"),
            auth=context.channel("auth"),
            user_agent="eco2 playground",
        )
        return issued

    return issue
