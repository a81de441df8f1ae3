"""Sanitising in processes with limits on time and memory, a few of them kept ready."""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import IO, Any

from django.conf import settings

from conversations.sanitising import CannotSanitise, SanitisedHtml
from conversations.sanitising_child import FAILED, read_message, write_message


class Worker:
    """One child process, started when first needed and again when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send one request. None when the process is gone, which clears it away; FAILED when it takes too long."""
        process, requests, answers = self._running()
        # By the wall clock, for a process that waits instead of computing.
        alarm = threading.Timer(settings.SANITISER_WAIT_SECONDS, process.kill)
        began = time.monotonic()
        alarm.start()
        try:
            write_message(requests, request)
            answer = read_message(answers)
        except BrokenPipeError:
            answer = None
        finally:
            alarm.cancel()
        if answer is None:
            self.stop()
            return FAILED if time.monotonic() - began >= settings.SANITISER_WAIT_SECONDS else None
        return answer

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close(stream)
        process.wait()

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
        process = self._process = self._process or _start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the sanitiser was started without pipes")
        return process, process.stdin, process.stdout


class Pool:
    """Some workers, each serving one request at a time."""

    def __init__(self, processes: int) -> None:
        self._workers = [Worker() for _number in range(processes)]
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def sanitise(self, html: str, inline_images: Mapping[str, str]) -> SanitisedHtml:
        """See the function of this name."""
        request = {"html": html, "inline_images": dict(inline_images)}
        worker = self._idle.get()
        try:
            # The fork of a mail may die, never the process it came from: that one was killed by somebody else.
            answer = worker.ask(request) or worker.ask(request)
        finally:
            self._idle.put(worker)
        if answer is None or answer.get("failed"):
            raise CannotSanitise("too slow, or too large once parsed")
        return SanitisedHtml(answer["html"], answer["blocked_images"])

    def stop(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.stop()


def sanitise(html: str, inline_images: Mapping[str, str]) -> SanitisedHtml:
    """`sanitising.clean` under limits. Raises CannotSanitise for HTML that is too large, too deep or too slow."""
    if len(html) > settings.MESSAGE_HTML_CHARACTERS:
        raise CannotSanitise("too large")
    return _pool().sanitise(html, inline_images)


@cache
def _pool() -> Pool:
    pool = Pool(settings.SANITISER_PROCESSES)
    atexit.register(pool.stop)
    return pool


def _start() -> subprocess.Popen[bytes]:
    limits = [str(settings.SANITISER_CPU_SECONDS), str(settings.SANITISER_MEMORY_OCTETS)]
    return subprocess.Popen(
        [sys.executable, "-m", "conversations.sanitising_child", *limits],
        cwd=settings.BASE_DIR,
        # The child needs no secrets: whatever breaks out of the parser finds an empty environment.
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return  # what was not written yet is nobody's any more
