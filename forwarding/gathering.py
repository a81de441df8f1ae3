"""Requests of an event loop gathered and answered together in threads.

While a thread is busy with one group, the next one collects. So a lone request waits for nobody, and many at once share
one transaction: nothing is ever delayed to make a group larger.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

Work = Callable[[Sequence[Request]], Sequence["Answer | Exception"]]
"""Answers a group: one answer or exception for each request, in order. An exception it raises goes to all of them."""


@dataclass
class _Waiting(Generic[Request, Answer]):
    request: Request
    weight: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Answer]


class Gathering(Generic[Request, Answer]):
    """Threads that answer groups of requests. Start it in the process that uses it; threads do not survive a fork."""

    def __init__(
        self,
        work: Work[Request, Answer],
        *,
        name: str,
        at_most: int,
        weight: int,
        threads: int = 1,
        ended: Callable[[], None] | None = None,
    ) -> None:
        """`at_most` requests and a sum of `weight` make a full group; `ended` runs in each thread as it ends."""
        self._work = work
        self._at_most = at_most
        self._weight = weight
        self._ended = ended
        self._queue: deque[_Waiting[Request, Answer]] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def ask(self, request: Request, weight: int = 0) -> Answer:
        """Wait for the answer to `request`. Raises what the work raised for it."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(request, weight, loop, loop.create_future())
        with self._news:
            if self._closed:
                raise RuntimeError("closed")
            self._queue.append(waiting)
            self._news.notify()
        answer: Answer = await waiting.answer
        return answer

    def close(self) -> None:
        """End the threads after what is asked already."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._answer(group)
        if self._ended is not None:
            self._ended()

    def _next_group(self) -> list[_Waiting[Request, Answer]]:
        """The requests to answer next; empty when closed and nothing is left."""
        with self._news:
            while not self._queue and not self._closed:
                self._news.wait()
            group: list[_Waiting[Request, Answer]] = []
            weight = 0
            while self._queue and len(group) < self._at_most and (not group or weight < self._weight):
                group.append(self._queue.popleft())
                weight += group[-1].weight
        return group

    def _answer(self, group: list[_Waiting[Request, Answer]]) -> None:
        try:
            answers = self._work([waiting.request for waiting in group])
        except Exception as error:  # noqa: BLE001  (every waiting request gets it)
            answers = [error] * len(group)
        pairs = list(zip(group, answers, strict=True))
        for loop in {waiting.loop for waiting in group}:
            mine = [(waiting.answer, answer) for waiting, answer in pairs if waiting.loop is loop]
            # A loop that is closed has nobody left who waits.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, mine)


def _deliver(pairs: list[tuple[asyncio.Future[Answer], Answer | Exception]]) -> None:
    for future, answer in pairs:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
