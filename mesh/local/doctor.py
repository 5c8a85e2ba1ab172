"""Checks of everything the stack needs, each with what to do when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil

from mesh.local import external, free_ports, layout, setup, tls
from mesh.local.part import Probe, SetupError
from mesh.local.parts import envoy, jvm, kafka, postgres
from mesh.local.paths import Paths
from mesh.local.status import Status, measure
from services.runtime.ports import HOST, env_name, port

Verdict = Literal["ok", "note", "fail"]

DISK_GIB = 2.0
MEMORY_GIB = 2.0
"""The stack takes about 1.2 GiB resident; the rest is room for load and page cache."""

OPEN_FILES = 4096
"""A thousand streams are two sockets each in Envoy and one in the bridge."""

ANSWER_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    verdict: Verdict
    detail: str
    advice: str = ""


def examine(paths: Paths, environ: Mapping[str, str]) -> list[Finding]:
    """Run every check; takes a few seconds at the most.

    Raises SetupError where there is nothing to check: an image holds the code alone.
    """
    if not _lock(paths).is_file():
        raise SetupError(
            "not a checkout: this looks at the set-up of one machine; of containers, "
            "`docker compose ps` shows the health and `docker compose logs` what is amiss"
        )
    running = measure(paths)
    return [
        *programs(paths),
        *machine(paths),
        *data(paths),
        *ports(environ, running),
        model(environ),
        *asyncio.run(dependencies(paths, environ, running)),
    ]


def programs(paths: Paths) -> Iterator[Finding]:
    """What the set-up installs."""
    again = "run `make setup`"
    yield Finding("Python", "ok", platform.python_version())
    lock = _lock(paths).read_bytes()
    stamp = paths.repository / ".venv/eco2-complete"
    current = stamp.is_file() and hashlib.sha256(lock).hexdigest() in stamp.read_text()
    yield _found("Python packages", "as locked" if current else None, "not as locked", again)
    version = setup.java_version()
    newer = version is not None and version >= setup.JAVA_AT_LEAST
    yield _found("Java", str(version) if newer else None, f"found {version}", again)
    try:
        major = postgres.choose_version(postgres.installed_versions(), None)
        yield Finding("PostgreSQL", "ok", f"version {major}")
    except SetupError as error:
        yield Finding("PostgreSQL", "fail", str(error), again)
    yield _found("Redis", _output("redis-server", "--version"), "not installed", again)
    languages = (_output("tesseract", "--list-langs", all_lines=True) or "").split()
    korean = "kor" in languages
    yield _found("tesseract", "reads Korean" if korean else None, "Korean is missing", again)
    for part, artifact in (("kafka", "kafka_2.13"), ("s3proxy", "s3proxy")):
        try:
            yield Finding(f"{part} jars", "ok", jvm.jar_version(paths, part, artifact))
        except SetupError as error:
            yield Finding(f"{part} jars", "fail", str(error), again)
    try:
        yield Finding("Envoy", "ok", str(envoy.binary(paths)))
    except SetupError as error:
        yield Finding("Envoy", "fail", str(error), again)
    usable = tls.is_usable(paths.tls, datetime.now(UTC))
    yield _found("certificate", "valid" if usable else None, "missing or about to expire", again)


def _lock(paths: Paths) -> Path:
    return paths.repository / "requirements-dev.txt"


def machine(paths: Paths) -> Iterator[Finding]:
    """Room on the machine."""
    paths.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(paths.home).free / 2**30
    yield _enough("disk", free, DISK_GIB, f"free below {paths.home}", "make room there")
    memory = psutil.virtual_memory().available / 2**30
    yield _enough("memory", memory, MEMORY_GIB, "available", "end something large")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = files == resource.RLIM_INFINITY or files >= OPEN_FILES
    yield Finding(
        "open files",
        "ok" if many else "note",
        f"{files} a process",
        "" if many else f"raise it with `ulimit -n {OPEN_FILES}` for load tests",
    )


def data(paths: Paths) -> Iterator[Finding]:
    """The stored data fit the installed versions."""
    try:
        folder = postgres.data_folder(paths, postgres.system_user())
        version = postgres.data_version(folder)
        postgres.choose_version(postgres.installed_versions(), version)
        yield Finding("PostgreSQL data", "ok", f"version {version}" if version else "none yet")
    except (SetupError, PermissionError) as error:
        yield Finding("PostgreSQL data", "fail", str(error), "see the text")
    try:
        folder = paths.data("kafka")
        if folder.exists():
            kafka.check_version(folder, jvm.jar_version(paths, "kafka", "kafka_2.13"))
        yield Finding("Kafka data", "ok", "fit" if folder.exists() else "none yet")
    except SetupError as error:
        yield Finding("Kafka data", "fail", str(error), "see the text")


def ports(environ: Mapping[str, str], running: Status) -> Iterator[Finding]:
    """The stack's ports are free, or held by the stack itself."""
    own = {number for row in running.parts for number in row.ports.values()}
    try:
        parts = layout.stack(Paths(), environ)
    except SetupError:
        return  # the programs are missing, which is said elsewhere
    wanted = {name: port(name, environ) for part in parts for name in part.ports}
    busy = free_ports.taken({name: number for name, number in wanted.items() if number not in own})
    for line in busy:
        what, _, advice = line.partition("; ")
        yield Finding("ports", "fail", what, advice)
    if not busy:
        yield Finding("ports", "ok", f"{len(wanted)} free or our own")


def model(environ: Mapping[str, str]) -> Finding:
    """Which model answers."""
    if environ.get("OPENAI_API_KEY"):
        return Finding("model", "ok", "OPENAI_API_KEY is set")
    return Finding("model", "note", "offline reader", "set OPENAI_API_KEY to use a live model")


async def dependencies(paths: Paths, environ: Mapping[str, str], running: Status) -> list[Finding]:
    """What runs, or is used by URL, answers in its own protocol."""
    checks: list[tuple[str, Probe, str]] = []
    for name, value in external.replaced(environ).items():
        shown = external.masked(value)
        advice = f"check {external.REPLACED_BY[name]}"
        checks.append((f"{name} at {shown}", external.attempt(name, value), advice))
    findings = []
    if running.supervisor_pid is None:
        findings.append(Finding("stack", "note", "not up", "start it with `make up`"))
    else:
        advice = "" if running.up else f"see `eco2 status` and the logs below {paths.home / 'log'}"
        verdict: Verdict = "ok" if running.up else "fail"
        findings.append(Finding("stack", verdict, running.phase, advice))
        checks += _running_checks(paths, environ, running)
    answers = await asyncio.gather(
        *(external.trouble(check, ANSWER_SECONDS) for _, check, _ in checks)
    )
    for (subject, _, advice), trouble in zip(checks, answers, strict=True):
        verdict = "fail" if trouble else "ok"
        findings.append(Finding(subject, verdict, trouble or "answers", advice if trouble else ""))
    return findings


def _running_checks(
    paths: Paths, environ: Mapping[str, str], running: Status
) -> Iterator[tuple[str, Probe, str]]:
    """Subject, probe and advice for every part that runs, on the ports it was started with."""
    used = {
        env_name(name): str(number) for row in running.parts for name, number in row.ports.items()
    }
    started = {row.name for row in running.parts}
    for part in layout.stack(paths, {**environ, **used}):
        if part.name in started and not part.one_off:
            yield part.name, part.ready, f"see {paths.log(part.name)}"
    for group in layout.GROUPS:
        for name in group.grpc:
            number = int(used.get(env_name(name), 0)) or port(name, environ)
            yield f"{name} (gRPC)", _grpc_health(number), f"see {paths.log(group.name)}"


def _grpc_health(number: int) -> Probe:
    async def serving() -> None:
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        async with grpc.aio.insecure_channel(f"{HOST}:{number}") as channel:
            request = health_pb2.HealthCheckRequest()
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(request)
            except grpc.aio.AioRpcError as error:
                code, details = error.code().name, error.details()
                raise ConnectionError(f"{code}: {details}") from None
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise ConnectionError("not serving")

    return serving


def text(findings: list[Finding]) -> str:
    """`findings` for a terminal, a line each."""
    marks = {"ok": "ok  ", "note": "note", "fail": "FAIL"}
    lines = []
    for finding in findings:
        advice = f" → {finding.advice}" if finding.advice else ""
        lines.append(f"{marks[finding.verdict]}  {finding.subject:<18} {finding.detail}{advice}")
    return "\n".join(lines)


def as_json(findings: list[Finding]) -> str:
    """`findings` for scripts."""
    return json.dumps([finding.__dict__ for finding in findings], ensure_ascii=False)


def _found(subject: str, detail: str | None, missing: str, advice: str) -> Finding:
    if detail is None:
        return Finding(subject, "fail", missing, advice)
    return Finding(subject, "ok", detail)


def _enough(subject: str, have: float, want: float, what: str, advice: str) -> Finding:
    detail = f"{have:.1f} GiB {what}"
    if have >= want:
        return Finding(subject, "ok", detail)
    return Finding(subject, "fail", f"{detail}, {want:.0f} needed", advice)


def _output(*command: str, all_lines: bool = False) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    lines = done.stdout.strip()
    return lines if all_lines else lines.split(" sha=")[0]
