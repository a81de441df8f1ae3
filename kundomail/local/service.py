"""A process the supervisor keeps running, and how it is started so that it never outlives its parent."""

import ctypes
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kundomail.local.account import Account

PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Service:
    """One process: its command, and how to know that it is ready and to make it stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the process, not additions to one."""
    directory: Path = Path("/")
    account: Account | None = None
    """Whom to run as; None for the current user."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    """How long it may take to stop before it is killed."""
    start_seconds: float = 60
    """How long it may take to become ready before the start goes on, or fails if it is essential."""
    prepare: Callable[[], None] | None = None
    """Runs before every start, also after a crash."""
    is_ready: Callable[[], bool] | None = None
    """None means ready as soon as it is started."""
    lock: Path | None = None
    """Held by the process itself for its whole life: a second one waits until the first is truly gone."""
    stage: int = 0
    """Lower stages start first and stop last; services of one stage do both together."""
    essential: bool = False
    """Without it nothing else can start."""
    hushed: str = ""
    """Lines with these words are not passed on: a warning that whoever tries the product can do nothing about."""


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Give a `preexec_fn` that makes the kernel send `death_signal` to the child when its parent dies.

    CPython calls it after the change of user, which would clear the request.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def request() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # The parent died before the request was made.
            os._exit(1)

    return request
