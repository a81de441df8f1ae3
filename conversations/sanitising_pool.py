"""Sanitising in processes with limits on time and memory, a few of them kept ready."""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings

from conversations.sanitising import CannotSanitise, SanitisedHtml
from conversations.sanitising_child import read_message, write_message


class _Worker:
    """One running child process; it is replaced when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send one request; None when the process is gone, which also clears it away."""
        process, requests, answers = self._running()
        # Wall clock, for a process that waits instead of computing.
        alarm = threading.Timer(2 * settings.SANITISER_CPU_SECONDS + 1, process.kill)
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
        return answer

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "conversations.sanitising_child",
                    str(settings.SANITISER_CPU_SECONDS),
                    str(settings.SANITISER_MEMORY_OCTETS),
                ],
                cwd=settings.BASE_DIR,
                # The child needs no secrets: whatever breaks out of the parser finds an empty environment.
                env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the child process was started without pipes")
        return process, process.stdin, process.stdout

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_workers: queue.LifoQueue[_Worker] = queue.LifoQueue()
for _number in range(settings.SANITISER_PROCESSES):
    _workers.put(_Worker())


def sanitise(html: str, inline_images: Mapping[str, str]) -> SanitisedHtml:
    """`sanitising.clean` under limits. Raises CannotSanitise for HTML that is too large, too deep or too slow."""
    if len(html) > settings.MESSAGE_HTML_CHARACTERS:
        raise CannotSanitise("too large")
    worker = _workers.get()
    try:
        answer = worker.ask({"html": html, "inline_images": dict(inline_images)})
    finally:
        _workers.put(worker)
    if answer is None or answer.get("failed"):
        raise CannotSanitise("too slow, or too large once parsed")
    return SanitisedHtml(answer["html"], answer["blocked_images"])


@atexit.register
def stop_workers() -> None:
    """End the child processes that nobody is waiting for."""
    while True:
        try:
            _workers.get_nowait().stop()
        except queue.Empty:
            return
