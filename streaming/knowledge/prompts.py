"""Prompts as data: a system text that is fixed at load, a user text filled for every call.

Whatever comes from outside (the user's words above all) is put into the user text as JSON between
tags, with ``<`` and ``>`` escaped, so that it can neither close its quotation nor its tag; the
system text says that what stands there is material and never an instruction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from streaming.knowledge.models import Data, Text, Texts

_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_FILE: Final = re.compile(
    r"\A---\n(?P<head>.*?)\n---\n# system\n(?P<system>.*?)\n# user\n(?P<user>.*?)\n?\Z", re.DOTALL
)


class PromptHead(Data):
    """The front matter of a prompt file."""

    name: Text
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    persona: Text
    variables: Texts
    fields: Annotated[dict[str, Text], Field(min_length=1)]
    """Field of the structured output (dotted path) → what it means, for its JSON schema."""


class Prompt(Data):
    """One prompt, ready for use."""

    name: Text
    version: Text
    """``<name>-<version>+<digest>``: the digest covers every character a model may be sent, so a
    stored version names exactly one text even when the number was not raised."""
    persona: Text
    system: Annotated[str, Field(min_length=1)]
    user_template: str
    fields: dict[str, Text]

    @property
    def text(self) -> str:
        """The system text."""
        return self.system

    def user(self, values: Mapping[str, Any]) -> str:
        """The user text with ``values`` quoted as JSON.

        Raises KeyError when a value the template needs is missing.
        """
        return _PLACEHOLDER.sub(lambda hit: quoted(values[hit[1]]), self.user_template)


def quoted(value: Any) -> str:
    """``value`` as JSON that holds no ``<`` and no ``>`` and reads as one value."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def split(text: str) -> tuple[str, str, str] | None:
    """Front matter, system text and user template of a prompt file; None when it is not one."""
    parts = _FILE.match(text.replace("\r\n", "\n"))
    return (parts["head"], parts["system"].strip(), parts["user"].strip()) if parts else None


def placeholders(text: str) -> set[str]:
    """The names a template asks for."""
    return set(_PLACEHOLDER.findall(text))


def build(head: PromptHead, system: str, user: str, fixed: Mapping[str, str]) -> Prompt:
    """The prompt with ``fixed`` texts (taxonomy, tags) put into its system text."""
    filled = _PLACEHOLDER.sub(lambda hit: fixed[hit[1]], system)
    content = json.dumps([filled, user, head.fields], ensure_ascii=False)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Prompt(
        name=head.name,
        version=f"{head.name}-{head.version}+{digest}",
        persona=head.persona,
        system=filled,
        user_template=user,
        fields=head.fields,
    )
