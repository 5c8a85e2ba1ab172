"""The supervisor with real processes that stand in for the parts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mesh.local import probe, run, state
from mesh.local.free_ports import PortBlock
from mesh.local.part import Part, SetupError
from mesh.local.paths import Paths
from mesh.local.supervisor import Supervisor
from services.runtime.ports import HOST, env_name, port
from tests.wait import until

STAND_IN = Path(__file__).with_name("stand_in.py")

Make = Callable[..., Part]


class Bench:
    """What one test's supervisors share."""

    def __init__(self, home: Path, environ: dict[str, str]) -> None:
        self.paths = Paths(home=home)
        self.environ = {**os.environ, **environ}
        self.journal = home / "journal"
        self.said: list[tuple[str, str]] = []

    def part(
        self,
        name: str,
        port_name: str,
        *,
        after: tuple[str, ...] = (),
        drains_before: tuple[str, ...] = (),
        mode: tuple[str, ...] = (),
    ) -> Part:
        number = port(port_name, self.environ)
        command = (sys.executable, str(STAND_IN), str(number), name, str(self.journal), *mode)
        return Part(
            name=name,
            command=command,
            ports=(port_name,),
            after=after,
            drains_before=drains_before,
            ready=lambda: probe.http_ok(HOST, number, "/"),
            start_seconds=10,
            grace_seconds=5,
        )

    def supervisor(self, *parts: Part, given: dict[str, str] | None = None) -> Supervisor:
        def report(name: str, what: str) -> None:
            self.said.append((name, what))

        return Supervisor(parts, self.paths, self.environ, report, given=given)

    def noted(self) -> list[str]:
        return self.journal.read_text().split("\n")[:-1] if self.journal.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    block = PortBlock()
    yield Bench(tmp_path, block.table())
    block.close()


async def test_parts_start_after_what_they_need_and_stop_in_reverse(bench: Bench) -> None:
    stack = bench.supervisor(
        bench.part("edge", "edge_http", drains_before=("servers", "workers")),
        bench.part("servers", "scan", after=("store",)),
        bench.part("workers", "chat", after=("store",), drains_before=("servers",), mode=("slow",)),
        bench.part("store", "redis", mode=("slow",)),
    )
    await stack.start()
    assert stack.state.phase == "ready"
    started = bench.noted()
    assert started.index("store started") < started.index("servers started")
    assert started.index("store started") < started.index("workers started")
    await stack.stop()
    assert bench.noted()[4:] == [f"{n} stopped" for n in ("edge", "workers", "servers", "store")]
    last = state.StackState.read(state.file(bench.paths.run))
    assert last == stack.state
    assert last.phase == "stopped"


async def test_a_killed_part_is_started_again(bench: Bench) -> None:
    stack = bench.supervisor(bench.part("servers", "scan"), bench.part("workers", "chat"))
    await stack.start()
    status = stack.state.parts["servers"]
    first = status.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(
        lambda: status.state == "ready" and status.pid != first, within_seconds=20, what="a restart"
    )
    assert status.restarts == 1
    assert stack.state.parts["workers"].restarts == 0
    assert any("ended with code -9; again in 0.5 s" in what for _, what in bench.said)
    await stack.stop()
    assert bench.noted().count("servers started") == 2


async def test_a_taken_port_stops_the_start_before_anything_runs(bench: Bench) -> None:
    number = port("chat", bench.environ)
    with socket.create_server((HOST, number)):
        with pytest.raises(SetupError) as refusal:
            await bench.supervisor(
                bench.part("servers", "scan"), bench.part("workers", "chat")
            ).start()
        text = str(refusal.value)
    assert str(number) in text
    assert f"pid {os.getpid()}" in text
    assert env_name("chat") in text
    assert len(text.splitlines()) == 1
    assert bench.noted() == []
    assert state.Lock(bench.paths.run).holder() is None


async def test_a_part_that_never_starts_fails_the_stack_with_the_end_of_its_log(
    bench: Bench,
) -> None:
    stack = bench.supervisor(
        bench.part("store", "redis"),
        bench.part("servers", "scan", after=("store",), mode=("exit-at-once",)),
    )
    with pytest.raises(SetupError) as failure:
        await stack.start()
    assert "servers ended with exit code 3" in str(failure.value)
    assert "cannot find its purpose" in str(failure.value)
    assert bench.noted() == ["store started", "store stopped"]
    assert stack.state.phase == "failed"


async def test_a_failed_step_keeps_back_what_needs_it(bench: Bench) -> None:
    step = bench.part("migrate", "postgres", mode=("exit-at-once",))
    failing = Part(
        name="migrate", command=step.command, ready=step.ready, one_off=True, after=("store",)
    )
    stack = bench.supervisor(
        bench.part("store", "redis"), failing, bench.part("servers", "scan", after=("migrate",))
    )
    with pytest.raises(SetupError, match="migrate ended with code 3"):
        await stack.start()
    assert bench.noted() == ["store started", "store stopped"]


async def test_a_second_supervisor_of_the_same_home_is_refused(bench: Bench) -> None:
    first = bench.supervisor(bench.part("servers", "scan"))
    await first.start()
    with pytest.raises(state.AlreadyRunningError, match="eco2 down"):
        await bench.supervisor(bench.part("workers", "chat")).start()
    assert psutil.pid_exists(first.state.parts["servers"].pid or 0)
    await first.stop()


async def test_parts_left_by_a_killed_supervisor_are_ended_first(bench: Bench) -> None:
    left = await asyncio.create_subprocess_exec(
        *bench.part("servers", "scan").command, env=bench.environ, start_new_session=True
    )
    await until(lambda: "servers started" in bench.noted(), what="the left-over part")
    dead = state.StackState(pid=1, created=0.0, phase="ready")
    created = psutil.Process(left.pid).create_time()
    dead.parts["servers"] = state.PartStatus(state="ready", pid=left.pid, created=created)
    dead.write(state.file(bench.paths.run))
    (bench.paths.run / "up.lock").write_text("1\n")

    stack = bench.supervisor(bench.part("servers", "scan"))
    await stack.start()
    await asyncio.wait_for(left.wait(), 20)
    assert bench.noted() == ["servers started", "servers stopped", "servers started"]
    await stack.stop()


async def test_replaced_infrastructure_must_answer_before_anything_starts(bench: Bench) -> None:
    stack = bench.supervisor(
        bench.part("servers", "scan"), given={"ECO2_REDIS_URL": "redis://127.0.0.1:1/0"}
    )
    with pytest.raises(SetupError, match="ECO2_REDIS_URL"):
        await stack.start()
    assert bench.noted() == []


async def test_a_job_gets_the_stack_and_gives_the_exit_code(bench: Bench) -> None:
    stack = bench.supervisor(bench.part("servers", "scan"))

    async def job() -> int:
        await probe.http_ok(HOST, port("scan", bench.environ), "/")
        return 7

    assert await run.foreground(stack, job) == 7
    assert bench.noted() == ["servers started", "servers stopped"]


async def test_an_interrupt_during_the_start_stops_what_was_started(bench: Bench) -> None:
    never = bench.part("workers", "chat")

    async def not_ready() -> None:
        raise ConnectionError("never")

    stack = bench.supervisor(
        bench.part("servers", "scan"),
        Part(name="workers", command=never.command, ready=not_ready, ports=never.ports),
    )

    async def job() -> int:
        return 0

    async def interrupt() -> None:
        await until(lambda: "servers started" in bench.noted(), what="the first part")
        os.kill(os.getpid(), signal.SIGINT)

    code, _ = await asyncio.gather(run.foreground(stack, job), interrupt())
    assert code == run.INTERRUPTED
    assert "servers stopped" in bench.noted()
    assert stack.state.phase == "stopped"


async def test_parts_do_not_outlive_a_supervisor_that_was_killed(bench: Bench) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from tests.integration.local.test_supervisor import Bench\n"
        "async def main():\n"
        "    bench = Bench(Path(sys.argv[1]), {})\n"
        "    stack = bench.supervisor(bench.part('servers', 'scan'))\n"
        "    await stack.start()\n"
        "    await stack.wait()\n"
        "asyncio.run(main())\n"
    )
    environ = {**bench.environ, "PYTHONPATH": bench.paths.import_path}
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(bench.paths.home), env=environ
    )
    file = state.file(bench.paths.run)

    def is_up() -> bool:
        known = state.StackState.read(file)
        return known is not None and known.phase == "ready"

    await until(is_up, what="the other supervisor's stack")
    known = state.StackState.read(file)
    assert known is not None
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not state.leftovers(known), what="the end of the part")
    assert bench.noted() == ["servers started", "servers stopped"]
