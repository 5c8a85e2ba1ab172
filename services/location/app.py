"""Puts the location domain together."""

from __future__ import annotations

from services.runtime.component import Component
from services.runtime.context import ProcessContext


async def build(context: ProcessContext) -> Component:
    """The component."""
    return Component(name="location")
