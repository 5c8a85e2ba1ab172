"""Every branch of the process."""

from __future__ import annotations

from collections.abc import Mapping

from services.runtime.context import ProcessContext
from streaming.chat.branch import Branch
from streaming.knowledge import Knowledge
from streaming.model.models import Models


async def build_branches(
    context: ProcessContext, knowledge: Knowledge, models: Models
) -> Mapping[str, Branch]:
    """The branches by stage name. A stage without a branch is passed over.

    Which intent runs which branches stands in :mod:`streaming.chat.routing`. What a branch opens
    comes from `context` (channels, HTTP sessions), which closes it.
    """
    return {}
