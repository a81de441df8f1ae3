"""The supervisor: order, readiness, restarts, and that nothing outlives it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kundomail.local.errors import LocalError
from kundomail.local.service import Service
from kundomail.local.supervisor import Supervisor

CHECKOUT = Path(__file__).resolve().parents[2]


class Output:
    """Collects what processes write, and waits for a line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def of(self, name: str) -> list[str]:
        return [line for who, line in self.lines if who == name]

    async def wait_for(self, name: str, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.of(name)) < count:
                await asyncio.sleep(0.01)


def _shell(name: str, script: str, *, stage: int = 0, is_ready: Callable[[], bool] | None = None) -> Service:
    return Service(
        name, ("/bin/sh", "-c", script), {"PATH": os.defpath}, stage=stage, is_ready=is_ready, stop_seconds=2
    )


def _talker(name: str, *, stage: int = 0) -> Service:
    """Says that it runs, and that it stops."""
    return _shell(name, "trap 'echo stopped; exit 0' TERM; echo started; while :; do sleep 0.05; done", stage=stage)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _are_gone(pids: list[int]) -> bool:
    """Wait for the kernel to have ended the processes; says whether it has within ten seconds."""
    deadline = time.monotonic() + 10
    while any(map(_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(_is_alive, pids))


def test_a_stage_starts_when_the_one_below_is_ready(tmp_path: Path) -> None:
    output, flag = Output(), tmp_path / "ready"
    slow = _shell("server", f"sleep 0.3; touch {flag}; sleep 60", is_ready=flag.exists)
    client = _shell("client", f"test -e {flag} && echo found || echo missing; sleep 60", stage=1)

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start_all([client, slow])
            await output.wait_for("client", 1)

    asyncio.run(session())
    assert output.of("client") == ["found"]


def test_stages_stop_in_reverse_order() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start_all([_talker("server"), _talker("worker", stage=1), _talker("web", stage=2)])
            for name in ("server", "worker", "web"):
                await output.wait_for(name, 1)

    asyncio.run(session())
    assert [name for name, line in output.lines if line == "stopped"] == ["web", "worker", "server"]


def test_a_process_that_dies_is_started_again_and_the_reason_is_told() -> None:
    output = Output()

    async def session() -> int | None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(_talker("worker"))
            await output.wait_for("worker", 1)
            first = supervisor.pid("worker")
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await output.wait_for("worker", 2)
            return None if supervisor.pid("worker") == first else first

    assert asyncio.run(session())
    assert output.of("worker")[:2] == ["started", "started"]
    assert output.of("up") == ["worker ended (killed by SIGKILL); starting it again in 0.5 s."]


def test_each_early_death_makes_the_next_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kundomail.local.supervisor.BACKOFF_FIRST_SECONDS", 0.01)
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(_shell("broken", "exit 3"))
            await output.wait_for("up", 4)

    asyncio.run(session())
    waits = [line.rsplit(" in ")[-1] for line in output.of("up") if "again" in line]
    assert waits[:3] == ["0.01 s.", "0.02 s.", "0.04 s."]


def test_the_start_goes_on_without_a_process_that_does_not_come_up() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(_shell("smtp", "echo no such thing; exit 1", is_ready=lambda: False))
            await supervisor.start(_talker("web"))
            await output.wait_for("web", 1)

    asyncio.run(session())
    assert "smtp is not ready; the start goes on without it." in output.of("up")
    assert output.of("smtp")[0] == "no such thing"


def test_an_essential_process_that_does_not_come_up_ends_the_start() -> None:
    broken = Service("postgres", ("/bin/false",), essential=True, is_ready=lambda: False)

    async def session() -> None:
        async with Supervisor(Output()) as supervisor:
            await supervisor.start(broken)

    with pytest.raises(LocalError, match="postgres did not start"):
        asyncio.run(session())


def test_a_command_that_fails_is_an_error_and_its_output_is_shown() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.complete(_shell("migrate", "echo wrong; exit 4"))

    with pytest.raises(LocalError, match=r"migrate failed \(exit code 4\)"):
        asyncio.run(session())
    assert output.of("migrate") == ["wrong"]


def test_a_process_that_ignores_its_stop_signal_is_killed() -> None:
    output = Output()
    stubborn = _shell("stubborn", "trap '' TERM; echo started; while :; do sleep 0.05; done")

    async def session() -> int | None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(stubborn)
            await output.wait_for("stubborn", 1)
            return supervisor.pid("stubborn")

    pid = asyncio.run(session())
    assert pid is not None
    assert _are_gone([pid])
    assert output.of("up") == ["stubborn did not stop within 2 s and is killed."]


def test_what_a_process_left_behind_goes_with_it() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(_shell("parent", "sleep 60 & echo $!; wait"))
            await output.wait_for("parent", 1)

    asyncio.run(session())
    assert _are_gone([int(output.of("parent")[0])])


def test_ctrl_c_reaches_only_the_supervisor() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.start(_shell("child", "ps -o sid= -p $$; sleep 60"))
            await output.wait_for("child", 1)
            assert int(output.of("child")[0]) == supervisor.pid("child")

    asyncio.run(session())
    assert int(output.of("child")[0]) != os.getsid(0)


def test_long_output_without_line_end_is_passed_on_in_pieces() -> None:
    output = Output()

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.complete(_shell("talk", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo end"))

    asyncio.run(session())
    assert output.of("talk")[-1] == "end"
    assert sum(map(len, output.of("talk")[:-1])) == 300_000


def test_lines_that_help_nobody_are_not_passed_on() -> None:
    output = Output()
    service = replace(_shell("talk", "echo one; echo a useless warning; echo two"), hushed="useless warning")

    async def session() -> None:
        async with Supervisor(output) as supervisor:
            await supervisor.complete(service)

    asyncio.run(session())
    assert output.of("talk") == ["one", "two"]


SUPERVISOR_OF_TWO = """
import asyncio, os
from kundomail.local.service import Service
from kundomail.local.supervisor import Supervisor

async def main():
    async with Supervisor(lambda name, line: print(line, flush=True)) as supervisor:
        for name in ("one", "two"):
            await supervisor.start(Service(name, ("/bin/sh", "-c", "echo $$; exec sleep 60"), {"PATH": os.defpath}))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_supervisor_killed_without_a_chance_takes_its_children_along() -> None:
    command = [sys.executable, "-c", SUPERVISOR_OF_TWO]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        children = [int(supervisor.stdout.readline()) for _ in range(2)]
        assert all(map(_is_alive, children))
        supervisor.kill()
        supervisor.wait()
    assert _are_gone(children)
