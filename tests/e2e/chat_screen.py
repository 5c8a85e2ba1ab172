"""The chat screen of the app: what it sends, and what it makes of the events of a turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from services.cli.app_client import AppClient, ServerEvent, Submitted
from tests.e2e.world import Watch, read


@dataclass
class Screen:
    """Appends tokens, replaces by snapshots."""

    text: str = ""
    seqs: list[int] = field(default_factory=list)

    def see(self, events: list[ServerEvent]) -> Screen:
        """Show these events."""
        for event in events:
            if event.name == "token":
                self.text += event.data["content"]
                self.seqs.append(event.data["seq"])
            elif event.name == "token_recovery":
                assert event.data["completed"] is False
                self.text = event.data["accumulated"]
                self.seqs.append(event.data["last_seq"])
        return self


async def new_chat(app: AppClient) -> str:
    """An empty chat."""
    return str((await app.post("/api/v1/chat", {}))["id"])


async def say(app: AppClient, message: str, chat_id: str = "", **more: object) -> Submitted:
    """Send a message, into a chat of its own if none is given; its turn."""
    chat_id = chat_id or await new_chat(app)
    document = {"message": message, **more}
    answer = await app.post(f"/api/v1/chat/{chat_id}/messages", document)
    assert answer["status"] == "submitted"
    return Submitted(answer["job_id"], answer["stream_url"], f"/api/v1/chat/{chat_id}")


async def text_begins(app: AppClient, turn: Submitted, frames: int = 3) -> Watch:
    """Watch a turn until so much text is on the screen, coming back after every event."""
    watch = Watch()
    async with asyncio.timeout(30):
        while len(Screen().see(watch.events).seqs) < frames:
            await read(app, turn, watch, at_most=1)
    return watch


async def assert_one_pair(app: AppClient, turn: Submitted, watch: Watch) -> None:
    """One message of each side is stored, and it is what `done` carried and the screen shows."""
    messages = (await app.get(turn.result_url))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    result = watch.last.data["result"]
    assert watch.last.name == "done"
    assert messages[1]["content"] == result["answer"]
    assert Screen().see(watch.events).text.strip() == result["answer"]
