"""tesseract as a child process: a picture in, words with places and confidences out."""

from __future__ import annotations

import asyncio
import math
import os
import resource
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from streaming.model.offline.options import OfflineOptions
from streaming.model.provider import ModelTimeout, ModelUnavailable

LANGUAGES: Final = ("kor",)
"""Trained data that has to be installed. `kor` knows Latin letters and digits as well; with `eng`
beside it a run took 0.48 s instead of 0.38 s, and Hangul was now and then read as Latin."""

INSTALL: Final = "apt-get install tesseract-ocr tesseract-ocr-kor"
_LOWEST_CONFIDENCE: Final = 0.0
_WORD_LEVEL: Final = "5"


@dataclass(frozen=True, slots=True)
class Word:
    """One word tesseract read, in the pixels of the picture it was given."""

    text: str
    confidence: float
    """0–1."""

    left: int
    top: int
    width: int
    height: int
    row: tuple[int, int, int] = (0, 0, 0)
    """Block, paragraph and line tesseract put it in."""


def parse(tsv: str) -> tuple[Word, ...]:
    """The words in tesseract's TSV output, blank ones left out."""
    words: list[Word] = []
    for line in tsv.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) != 12 or cells[0] != _WORD_LEVEL:
            continue
        text = cells[11].strip()
        confidence = float(cells[10]) / 100
        if not text or confidence < _LOWEST_CONFIDENCE:
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        row = (int(cells[2]), int(cells[3]), int(cells[4]))
        words.append(Word(text, confidence, left, top, width, height, row))
    return tuple(words)


class Tesseract:
    """Runs the tesseract binary, at most `concurrency` at a time, one thread each.

    `run_seconds` bounds the CPU time of one run: what there is to read decides about it, and not
    what else the machine is busy with. `patience_seconds` is for one that hangs, from its start on;
    waiting for a free place is not counted.
    """

    def __init__(self, options: OfflineOptions) -> None:
        self._binary = options.binary
        self._places = asyncio.Semaphore(options.concurrency)
        self._cpu_seconds = options.run_seconds
        self._timeout_seconds = options.patience_seconds
        self._environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        self._found: str | None = None

    async def check(self) -> None:
        """Raise :class:`ModelUnavailable` unless the binary and its trained data are installed."""
        listed = await self._run(["--list-langs"], b"")
        installed = set(listed.decode("utf-8", "replace").split())
        lacking = [language for language in LANGUAGES if language not in installed]
        if lacking:
            raise ModelUnavailable(
                f"tesseract has no trained data for {', '.join(lacking)}; install it: {INSTALL}"
            )

    async def read(
        self,
        png: bytes,
        *,
        layout: int,
        cpu_seconds: float = math.inf,
        within_seconds: float = math.inf,
    ) -> tuple[Word, ...]:
        """Read an encoded picture. `layout` is tesseract's page segmentation mode (``--psm``).

        `cpu_seconds` and `within_seconds` shorten the limits of this one run.

        Raises ModelUnavailable (not installed, or it failed) or ModelTimeout.
        """
        arguments = ["stdin", "stdout", "-l", "+".join(LANGUAGES), "--psm", str(layout)]
        out = await self._run([*arguments, "--dpi", "150", "tsv"], png, cpu_seconds, within_seconds)
        return parse(out.decode("utf-8", "replace"))

    def _path(self) -> str:
        if self._found is None:
            self._found = shutil.which(self._binary)
        if self._found is None:
            raise ModelUnavailable(f"{self._binary} is not installed; install it: {INSTALL}")
        return self._found

    async def _run(
        self,
        arguments: list[str],
        data: bytes,
        cpu_seconds: float = math.inf,
        within_seconds: float = math.inf,
    ) -> bytes:
        allowed = min(self._timeout_seconds, within_seconds)
        cpu = math.ceil(min(self._cpu_seconds, cpu_seconds))  # the kernel counts whole seconds
        path = self._path()
        async with self._places:
            try:
                process = await asyncio.create_subprocess_exec(
                    path,
                    *arguments,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env=self._environment,
                )
            except OSError as failure:
                raise ModelUnavailable(f"tesseract can't be started: {failure}") from failure
            _limit_cpu(process.pid, cpu)
            try:
                async with asyncio.timeout(allowed):
                    out, complaint = await process.communicate(data)
            except TimeoutError as failure:
                raise ModelTimeout(f"tesseract took longer than {allowed:.1f} s") from failure
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode == -signal.SIGXCPU:
            raise ModelTimeout(f"tesseract used up {cpu} s of CPU")
        if process.returncode != 0:
            reason = complaint.decode("utf-8", "replace").strip().splitlines()
            raise ModelUnavailable(
                f"tesseract ended with {process.returncode}: {reason[-1] if reason else '-'}"
            )
        return out


def _limit_cpu(pid: int, seconds: int) -> None:
    """Have the kernel end a process that has used that much CPU time, without a core file."""
    with suppress(ProcessLookupError):  # it has ended
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds + 1))
