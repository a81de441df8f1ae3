"""The child process: same answers, and a mail that stops it costs that mail one step and nothing else."""

import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarding.limited_child import ChildStopped, unpickled
from forwarding.reading import Limits, read_mail
from forwarding.reading.child import HOLDING, ChildLimits, Reader
from forwarding.understanding import Understood
from tests.forwarding.reading.messages import mail, multipart, part

MEGABYTE = 1024 * 1024
INVITATION = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Stockholm:20240205T101200\nEND:VEVENT\nEND:VCALENDAR\n"
)


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader(ChildLimits(cpu_seconds=1, wall_seconds=20)) as started:
        yield started


@pytest.mark.parametrize(
    "raw",
    [
        mail(),
        b"",
        multipart(part("hej"), part(b"\xff" * 3 * MEGABYTE, "image/png")),
        multipart(part(INVITATION, "text/calendar")),
    ],
    ids=["small", "empty", "large", "invitation"],
)
def test_the_child_answers_what_reading_here_gives(reader: Reader, raw: bytes) -> None:
    assert reader.read(raw).mail == read_mail(raw)


def test_one_child_reads_many_mails(reader: Reader) -> None:
    answers = [reader.read(mail(f"rad {number}".encode())).mail.text for number in range(100)]
    assert answers == [f"rad {number}" for number in range(100)]
    assert reader.child.restarts == 0


def test_a_child_is_replaced_after_its_share_of_mails() -> None:
    with Reader(ChildLimits(mails_per_child=2)) as reader:
        pids = []
        for _ in range(4):
            reader.read(mail())
            pids.append(_pid(reader))
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_child_that_died_between_two_mails_costs_nothing(reader: Reader) -> None:
    reader.read(mail())
    os.kill(_pid(reader), signal.SIGKILL)
    os.waitid(os.P_PID, _pid(reader), os.WEXITED | os.WNOWAIT)
    assert reader.read(mail(b"hej")).mail == read_mail(mail(b"hej"))


def test_a_mail_that_stops_the_child_goes_down_the_ladder_and_the_next_is_read() -> None:
    with Reader(ChildLimits(wall_seconds=1)) as reader:
        reader.read(mail())
        os.kill(_pid(reader), signal.SIGSTOP)
        read = reader.read(mail(b"hej")).mail
        assert (read.stage, read.subject, read.attachments[0].content) == ("headers", "Hej", mail(b"hej"))
        assert read.defects == ("body_unread", "reading_stopped")
        assert (reader.read(mail(b"hej")).mail.stage, reader.child.restarts) == ("full", 1)


def test_a_mail_over_the_clock_is_given_up() -> None:
    with Reader(ChildLimits(wall_seconds=1)) as reader:
        reader.read(mail())
        os.kill(_pid(reader), signal.SIGSTOP)
        started = time.monotonic()
        assert reader.read(mail()).mail.stage == "headers"
        assert time.monotonic() - started < 10


def test_a_mail_over_the_processor_limit_ends_the_child() -> None:
    long = Limits(shown_text_octets=10**9, text_characters=10**9)
    with Reader(ChildLimits(cpu_seconds=0, wall_seconds=60, memory_octets=2048 * MEGABYTE), long) as reader:
        read = reader.read(mail(b"<p>a " * 6_000_000 + b"&a" * 9_000_000, b"Content-Type: text/html")).mail
    assert (read.stage, read.subject) == ("headers", "Hej")
    assert "reading_stopped" in read.defects


def test_a_mail_over_the_memory_limit_keeps_its_headers_or_envelope() -> None:
    raw = multipart(part("hej"), part(b"A" * 60 * MEGABYTE, "image/png", "Content-Transfer-Encoding: base64"))
    with Reader(ChildLimits(memory_octets=200 * MEGABYTE)) as reader:
        read = reader.read(raw).mail
        assert read.stage in ("headers", "envelope")
        assert read.attachments[0].content == raw
        assert reader.read(mail()).mail.stage == "full"


def test_without_any_working_child_the_envelope_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarding.limited_child._START", "raise SystemExit")
    with Reader(ChildLimits(wall_seconds=10)) as reader:
        read = reader.read(mail()).mail
    assert (read.stage, read.attachments[0].content) == ("envelope", mail())


def test_the_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hemligt")
    with Reader() as reader:
        reader.read(mail())
        environment = Path(f"/proc/{_pid(reader)}/environ").read_bytes()
    assert b"PYTHONPATH" in environment
    assert b"hemligt" not in environment


@pytest.mark.parametrize("answer", [pickle.dumps(os.getcwd), pickle.dumps("text"), b"", b"\x80garbage"])
def test_nothing_but_a_mail_is_unpickled(answer: bytes) -> None:
    with pytest.raises(ChildStopped):
        unpickled(answer, Understood, HOLDING)


def _pid(reader: Reader) -> int:
    assert reader.child.pid is not None
    return reader.child.pid
