"""All mails made to stop a reader at once, and people's mail right behind: nobody waits long for anybody."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.forwarding.reading.test_hostile import BOMBS
from tests.support.mails import mail
from tests.support.product import Product, product

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
CONNECTIONS = 8
ORDINARY = 10
BOMB_SECONDS = 30.0
ORDINARY_SECONDS = 5.0
GIVE_UP_SECONDS = 120.0
FILED = """
    SELECT mail_from, extract(epoch FROM filed_at - received_at) FROM forwarding_delivery
    WHERE mail_from LIKE '%@burst.example' AND filed_at IS NOT NULL
"""


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, float]]:
    """From the end of DATA to the inbox, by envelope sender."""
    bombs = {f"bomb{number}@burst.example": raw for number, raw in enumerate(BOMBS.values())}
    people = {f"person{number}@burst.example": _question(number) for number in range(ORDINARY)}
    with product(tmp_path_factory.mktemp("product")) as running:
        running.manage("demo_data")
        for wave in (bombs, people):
            with ThreadPoolExecutor(CONNECTIONS) as senders:
                list(senders.map(lambda sent: _send(running, *sent), wave.items()))
        yield _filed(running, len(bombs) + len(people))


def test_each_bomb_is_filed_in_thirty_seconds(seconds: dict[str, float]) -> None:
    took = {BOMB_NAMES[sender]: each for sender, each in seconds.items() if sender.startswith("bomb")}
    print("slowest:", sorted(((round(each, 1), name) for name, each in took.items()), reverse=True)[:8])
    assert took.keys() == BOMBS.keys()
    assert {name: each for name, each in took.items() if each > BOMB_SECONDS} == {}


def test_people_behind_them_do_not_wait_for_them(seconds: dict[str, float]) -> None:
    took = {sender: each for sender, each in seconds.items() if sender.startswith("person")}
    print("people:", sorted(round(each, 1) for each in took.values()))
    assert len(took) == ORDINARY
    assert {sender: each for sender, each in took.items() if each > ORDINARY_SECONDS} == {}


BOMB_NAMES = {f"bomb{number}@burst.example": name for number, name in enumerate(BOMBS)}


def _question(number: int) -> bytes:
    return mail(
        f"Fråga {number}", "Hej, jag undrar om jobbet på badet är ledigt.\n", sender=f"person{number}@a.example"
    )


def _send(running: Product, sender: str, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=60) as client:
        client.sendmail(sender, [SERVICE_ADDRESS], raw)


def _filed(running: Product, count: int) -> dict[str, float]:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        found = {sender: float(each) for sender, each in running.rows(FILED)}
        if len(found) == count or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
