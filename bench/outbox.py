"""`python -m bench.outbox`: how fast mail leaves, beside plain smtplib sending of the same octets to the same server.

Short rounds, because others use the machine too; the ratios of one round are what to compare, and their median is what
counts. Each round: enqueue (choose the sender, build, sign, rows, a durable commit a mail; four at a time, as web requests
do), build and sign once more alone, then in turns: deliver; deliver while another process signs as many, because the
product signs in web and delivers in a process of its own; the same octets by smtplib, each over one connection. Delivering
is the worker's whole share: claim, SMTP, record, durable commits.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.database import database

if TYPE_CHECKING:
    from inboxes.models import Inbox
    from whitelabel.delivery import Courier
    from whitelabel.mime import Letter

AIM = 0.5
REQUESTS_AT_ONCE = 4
TEXT = "Hej!\n\nTack för din ansökan. Vi läser den nu och hör av oss före den tolfte.\n\n" * 12
SINK = """
import asyncio, sys
from aiosmtpd.smtp import SMTP

class Discard:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server, session, envelope):
        return "250 2.0.0 ok"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Discard(), hostname="sink.example"), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Round:
    """Seconds a mail took: to enqueue, to build and sign alone, to deliver, to do both at once, and by plain smtplib."""

    enqueued: float
    signed: float
    delivered: float
    both: float
    plain: float


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=200, help="mails a round")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with database("bench-outbox") as base, _sink() as port:
        os.environ.update(
            base.environment(RELAY_URL=f"smtp://127.0.0.1:{port}", RELAY_QUESTION="whitelabel.postfix_log.accepted")
        )
        _start_django()
        inbox = _inbox()
        courier = _courier()
        web = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start_django)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as requests, web:
            desk = _Desk(inbox, port, courier, requests, web, options.mails)
            rounds = [desk.round(number) for number in range(options.rounds + 1)]
    _report(rounds[1:])


@dataclass
class _Desk:
    """What a round needs: threads that act as web requests, a web process that signs, and the mails of a round."""

    inbox: Inbox
    port: int
    courier: Courier
    requests: Executor
    web: Executor
    mails: int

    def round(self, number: int) -> Round:
        """One round; who comes first changes from round to round. The first one warms everything up."""
        contents: list[bytes] = []
        enqueued = _seconds(lambda: contents.extend(self._enqueue()))
        acts = (self._sign, self._deliver, self._both, lambda: _plain(self.port, contents))
        waiting = True
        taken: dict[int, float] = {}
        for place in sorted(range(4), key=lambda place: (place + number) % 4):
            if place in (1, 2) and not waiting:
                list(self._enqueue())
            waiting = waiting and place not in (1, 2)
            taken[place] = acts[place]() / self.mails
        return Round(enqueued / self.mails, *(taken[place] for place in range(4)))

    def _enqueue(self) -> Iterator[bytes]:
        return self.requests.map(lambda each: _enqueue(self.inbox, each), range(self.mails))

    def _sign(self) -> float:
        return _seconds(lambda: _sign(self.mails))

    def _deliver(self) -> float:
        return _seconds(lambda: _deliver(self.courier, self.mails))

    def _both(self) -> float:
        def act() -> None:
            signing = self.web.submit(_sign, self.mails)
            _deliver(self.courier, self.mails)
            signing.result()

        return _seconds(act)


def _courier() -> Courier:
    from whitelabel.delivery import Courier

    return Courier()


def _deliver(courier: Courier, mails: int) -> None:
    done = 0
    while done < mails:
        done += courier.step()


def _seconds(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _sign(mails: int) -> None:
    """Build and sign as many letters, and store nothing."""
    from whitelabel import outbox
    from whitelabel.identity import Identity, service_signing

    who = Identity("service", "Jobb", "jobb@mail.kundo.se", "jobb@example.org", "mail.kundo.se", service_signing())
    for number in range(mails):
        outbox.final_octets(who, _letter(number))


def _plain(port: int, contents: list[bytes]) -> float:
    """Seconds for the same octets by smtplib, one connection, one recipient each."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example") as client:
        begun = time.perf_counter()
        for content in contents:
            client.sendmail("b@bench.example", ["barry@example.org"], content)
        return time.perf_counter() - begun


def _enqueue(inbox: Inbox, number: int) -> bytes:
    """Put one mail into the outbox, in a transaction of its own as a web request would; gives its octets."""
    from organizations import scope
    from whitelabel import identity, outbox

    with scope.organization(inbox.organization_id):
        who = identity.choose(inbox.address, inbox.service_address, inbox.name)
        return bytes(outbox.enqueue(who, _letter(number), ["barry@example.org"]).content)


def _letter(number: int) -> Letter:
    from whitelabel.mime import Letter
    from whitelabel.mime_headers import Mailbox

    return Letter(
        sender=Mailbox("", "x@example.org"),
        to=(Mailbox("Barry Berg", "barry@example.org"),),
        subject="Re: Ansökan om jobb som kock",
        text=TEXT,
        html=f"<p>{TEXT}</p>",
        date=datetime.now(UTC),
        message_id=f"<{number}.{time.time_ns()}@bench.example>",
    )


def _inbox() -> Inbox:
    from bench.inbox import service_address
    from inboxes.models import Inbox, ServiceAddress
    from organizations import scope

    key = service_address().partition("@")[0]
    with scope.queue():
        row = ServiceAddress.queue.get(local_key=key)
    with scope.organization(row.organization_id):
        return Inbox.objects.get(pk=row.inbox_id)


def _start_django() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "kundomail.settings"
    django.setup()


@contextmanager
def _sink() -> Iterator[int]:
    """An SMTP server in a process of its own that answers 250 and forgets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SINK, str(port)])
    try:
        asyncio.run(_listening(port))
        yield port
    finally:
        process.terminate()
        process.wait()


async def _listening(port: int) -> None:
    for _ in range(100):
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise TimeoutError("the sink does not listen")


def _report(rounds: list[Round]) -> None:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(of(each) for each in rounds)

    for name in ("plain", "enqueued", "signed", "delivered", "both"):
        print(f"{name:<12}{1 / median(lambda each: getattr(each, name)):>8.0f} mails/s")  # noqa: B023  (used at once)
    print("ratios to plain smtplib, medians of the rounds:")
    print(f"delivered                 {median(lambda r: r.plain / r.delivered):.2f}")
    print(f"signed while delivered    {median(lambda r: r.plain / r.both):.2f}")
    judged = median(lambda r: r.plain / (r.signed + r.delivered))
    whole = median(lambda r: r.plain / (r.enqueued + r.delivered))
    print(f"signed, then delivered    {judged:.2f} (aim {AIM}: {_verdict(judged)}; this is what is judged)")
    print(f"enqueued, then delivered  {whole:.2f} (aim {AIM}: {_verdict(whole)}; the whole way, with the web's commit)")


def _verdict(ratio: float) -> str:
    return "reached" if ratio >= AIM else "missed"


if __name__ == "__main__":
    main()
