"""How a scan looks in a terminal: a bar where there is one, lines elsewhere."""

from __future__ import annotations

import json
from typing import Any, Self, TextIO

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.cli.app_client import ServerEvent

LABELS = {
    "queued": "접수",
    "vision": "사진 분석",
    "rule": "배출 규정 찾기",
    "answer": "답변 작성",
    "reward": "보상 확인",
    "done": "완료",
}


class Display:
    """Shows events as they come; use it as a context manager."""

    def __init__(self, out: TextIO, *, lines_only: bool = False, as_json: bool = False) -> None:
        self._console = Console(file=out)
        self._as_json = as_json
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if self._console.is_terminal and not lines_only:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                console=self._console,
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("접수", total=100)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line of its own."""
        if not self._as_json:
            self._console.print(text, highlight=False)

    def event(self, event: ServerEvent) -> None:
        """One event of the job."""
        if self._as_json:
            line = {"id": event.id, "event": event.name, "data": event.data}
            self._console.print(json.dumps(line, ensure_ascii=False), soft_wrap=True, markup=False)
            return
        progress = event.data.get("progress")
        done = 100 if event.name == "done" else progress
        if self._bar is not None and self._task is not None:
            label = LABELS.get(event.name, event.name)
            self._bar.update(self._task, description=label)
            if isinstance(done, int):
                self._bar.update(self._task, completed=done)
            return
        percent = f"{done:>3} %" if isinstance(done, int) else "     "
        self.say(
            f"  {percent}  {event.name:<8} {event.data.get('status', ''):<10} "
            f"seq {event.data.get('seq')}"
        )


def print_result(result: dict[str, Any]) -> None:
    """What to do with the item, and the character it earned."""
    console = Console()
    pipeline = result.get("pipeline_result") or {}
    labels = (pipeline.get("classification_result") or {}).get("classification") or {}
    answer = pipeline.get("final_answer") or {}
    console.print()
    console.print(Text(" › ".join(filter(None, labels.values())), style="bold green"))
    if answer.get("user_answer"):
        console.print(Text(answer["user_answer"]))
    for number, text in enumerate(filter(None, (answer.get("disposal_steps") or {}).values()), 1):
        console.print(Text(f"  {number}. {text}"))
    for text in answer.get("insufficiencies") or ():
        console.print(Text(f"  ! {text}", style="yellow"))
    reward = result.get("reward")
    if reward:
        body = Text(f"{reward['dialog']}\n{reward['match_reason']}")
        console.print(Panel(body, title=f"새 친구: {reward['name']}", expand=False))
