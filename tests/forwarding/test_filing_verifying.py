"""Proving the author after the mail is visible: through the pipeline, with a real nameserver on loopback."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import dkim
import pytest
from django.db import connection
from django.utils import timezone
from dnslib.server import DNSServer

from conversations import timeline
from forwarding.limited_child import ChildLimits
from forwarding.models import Delivery
from forwarding.sender_records import keys_at
from forwarding.verifying import Verifier, resolver_from_settings
from organizations import scope, wakeups
from tests.forwarding.dns_zone import Zone, resolver_for
from tests.forwarding.test_queue import waiting
from tests.forwarding.test_signature_checks import PRIVATE, RECORD
from tests.support.builders import Town, town
from tests.support.forwarders import exchange_footer
from tests.support.mails import Pipeline, mail, messages

pytestmark = pytest.mark.django_db(transaction=True)

JOBB = "jobb.lillestad.se@mail.kundo.se"
KEY = "s._domainkey.example.org"


@pytest.fixture
def zone(server: DNSServer) -> Zone:
    zone = Zone()
    zone.texts[KEY] = [RECORD]
    server.server.resolver = zone
    return zone


@pytest.fixture
def verifier(server: DNSServer, zone: Zone) -> Iterator[Verifier]:
    with Verifier(resolver_for(server)) as verifier:
        yield verifier


def signed(raw: bytes) -> bytes:
    return bytes(dkim.sign(raw, b"s", b"example.org", PRIVATE, include_headers=[b"from", b"to", b"subject"])) + raw


def seen(of: Town) -> tuple[str, str]:
    [message] = messages(of.inbox)
    return message.authenticity, message.authenticity_reason


def due(of: Town) -> bool:
    """Whether the one delivery will be looked at again; makes it due now."""
    with scope.organization(of.organization):
        waiting = Delivery.objects.filter(verify_at__isnull=False)
        return bool(waiting.update(verify_at=timezone.now() - timedelta(seconds=1)))


def test_a_mail_is_visible_before_its_author_is_proved(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    assert seen(lillestad) == ("", "")
    assert verifier.verify_due() == 1
    assert seen(lillestad) == ("verified", "signed")
    assert [message.authenticity_by for message in messages(lillestad.inbox)] == ["example.org"]
    assert not due(lillestad)


def test_a_loop_beside_the_filing_pauses_after_each_round_while_mail_waits(
    post: Pipeline, lillestad: Town, verifier: Verifier
) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    post.send(mail("Den väntar"), JOBB)
    assert verifier.verify_beside_filing() == 0
    assert seen(lillestad) == ("verified", "signed")
    post.file()
    assert verifier.verify_beside_filing() == 1
    assert verifier.verify_beside_filing() == 0


def test_a_single_mail_is_proved_in_the_first_round_beside_another_organizations_flood(
    post: Pipeline, lillestad: Town, verifier: Verifier, settings: Any
) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    flooded = town("Storstad", "info@storstad.se", "Info")
    long_ago = timezone.now() - timedelta(hours=1)
    waiting(flooded, 4 * settings.VERIFY_BATCH, state="filed", attempts=1, verify_at=long_ago)
    assert verifier.verify_due() == settings.VERIFY_BATCH
    assert seen(lillestad) == ("verified", "signed")


def test_checking_gives_way_to_what_people_wait_for(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    verifier.verify_due()
    assert verifier.child.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, verifier.child.pid) > os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.parametrize("stray", [b"\n", b"\r"])
def test_a_signature_is_judged_on_the_octets_as_they_came(
    post: Pipeline, lillestad: Town, verifier: Verifier, stray: bytes
) -> None:
    raw = signed(mail("Fråga", "Rad ett.\nRad två.\n").replace(b"ett.\r\n", b"ett." + stray))
    post.receive(raw, lillestad.inbox)
    verifier.verify_due()
    assert seen(lillestad)[0] == "verified"
    [message] = messages(lillestad.inbox)
    assert message.defects == ["bare_newline"]


def test_a_signature_for_other_octets_than_those_that_came_proves_nothing(
    post: Pipeline, lillestad: Town, verifier: Verifier
) -> None:
    raw = signed(mail("Fråga", "Rad ett.\nRad två.\n"))
    post.receive(raw.replace(b"ett.\r\n", b"ett.\r"), lillestad.inbox)
    verifier.verify_due()
    assert seen(lillestad) == ("unverified", "broken_signature")


def test_an_unsigned_mail_is_not_blamed(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    post.receive(mail(), lillestad.inbox)
    verifier.verify_due()
    assert seen(lillestad) == ("unverified", "no_signature")


def test_a_mail_in_our_own_name_without_proof_is_warned_of(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    post.receive(mail(sender="Kommunchefen <chef@lillestad.se>"), lillestad.inbox)
    verifier.verify_due()
    assert seen(lillestad) == ("warning", "own_domain")


def test_a_domain_that_cannot_be_asked_is_asked_again_and_never_called_false(
    post: Pipeline, lillestad: Town, verifier: Verifier, zone: Zone
) -> None:
    zone.broken.add(KEY)
    post.receive(signed(mail()), lillestad.inbox)
    verifier.verify_due()
    assert seen(lillestad) == ("unknown", "no_answer")
    zone.broken.clear()
    assert due(lillestad)
    verifier.verify_due()
    assert seen(lillestad) == ("verified", "signed")


def test_a_domain_that_never_answers_is_given_up_in_the_end(
    post: Pipeline, lillestad: Town, verifier: Verifier, zone: Zone, settings: Any
) -> None:
    zone.broken.add(KEY)
    post.receive(signed(mail()), lillestad.inbox)
    tries = 0
    while due(lillestad):
        tries += verifier.verify_due()
    assert tries == 1 + len(settings.VERIFY_RETRY_MINUTES)
    assert seen(lillestad) == ("unknown", "no_answer")


def test_a_mail_whose_check_is_stopped_says_so_and_the_next_is_proved(
    post: Pipeline, lillestad: Town, server: DNSServer, zone: Zone
) -> None:
    with Verifier(resolver_for(server), ChildLimits(wall_seconds=1)) as verifier:
        verifier.child.ask("examine", mail(), {})
        assert verifier.child.pid is not None
        os.kill(verifier.child.pid, signal.SIGSTOP)
        for subject in ("Ett", "Två"):
            post.receive(signed(mail(subject)), lillestad.inbox)
        assert verifier.verify_due() == 2
    # Both are looked at together; which one is checked first is not said.
    assert sorted((m.authenticity, m.authenticity_reason) for m in messages(lillestad.inbox)) == [
        ("unverified", "not_examinable"),
        ("verified", "signed"),
    ]
    assert not due(lillestad)


def test_a_mail_that_ended_every_worker_that_looked_at_it_is_looked_at_no_more(
    post: Pipeline, lillestad: Town, verifier: Verifier, zone: Zone, settings: Any
) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    with scope.organization(lillestad.organization):
        Delivery.objects.update(verify_attempts=1 + len(settings.VERIFY_RETRY_MINUTES))
    assert verifier.verify_due() == 1
    assert seen(lillestad) == ("unverified", "not_examinable")
    assert zone.asked == []
    assert not due(lillestad)


def test_what_the_lease_is_too_short_for_is_given_back(
    post: Pipeline, lillestad: Town, verifier: Verifier, settings: Any
) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    settings.VERIFY_LEASE_SECONDS = 0
    verifier.verify_due()
    assert seen(lillestad) == ("", "")
    settings.VERIFY_LEASE_SECONDS = 120
    assert verifier.verify_due() == 1
    assert seen(lillestad) == ("verified", "signed")
    with scope.organization(lillestad.organization):
        assert [delivery.verify_attempts for delivery in Delivery.objects.all()] == [1]


def test_domains_that_do_not_answer_are_waited_for_together(
    post: Pipeline, lillestad: Town, zone: Zone, server: DNSServer
) -> None:
    for number in range(8):
        post.receive(signed(mail(f"Fråga {number}")), lillestad.inbox)
    resolver = resolver_for(server)
    resolver.port, resolver.lifetime = 1, 1.0
    with Verifier(resolver) as verifier:
        started = time.monotonic()
        assert verifier.verify_due() == 8
        assert time.monotonic() - started < 6
    assert {m.authenticity_reason for m in messages(lillestad.inbox)} == {"no_answer"}


def test_many_names_that_nobody_answers_for_do_not_add_up(server: DNSServer, zone: Zone) -> None:
    resolver = resolver_for(server)
    resolver.lifetime, resolver.port = 0.2, 1
    started = time.monotonic()
    assert keys_at([f"{number}.example.org." for number in range(50)], resolver, 0.5) == {}
    assert time.monotonic() - started < 5


def test_open_pages_hear_of_the_proof(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    post.receive(signed(mail()), lillestad.inbox)
    with wakeups.Listener(wakeups.LIVE) as listener:
        verifier.verify_due()
        [(_, hint)] = listener.wait(5)
    assert (hint["kind"], hint["number"]) == ("message", 1)


def test_a_mistake_of_ours_in_one_mail_leaves_the_others_their_proof(
    post: Pipeline, lillestad: Town, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = verifier.verdict

    def stumbles(raw: bytes, *rest: Any) -> Any:
        if b"Ett" in raw:
            raise RuntimeError("a mistake of ours")
        return real(raw, *rest)

    monkeypatch.setattr(verifier, "verdict", stumbles)
    for subject in ("Ett", "Annat"):
        post.receive(mail(subject), lillestad.inbox)
    verifier.verify_due()
    assert [m.authenticity for m in messages(lillestad.inbox)] == ["", "unverified"]
    assert due(lillestad)


def test_the_proof_of_a_copy_that_is_no_longer_shown_is_dropped(
    post: Pipeline, lillestad: Town, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail(text="Hej, jag undrar över sommarjobbet på badet. " * 12)
    fuller = exchange_footer(raw, lillestad.inbox.address, JOBB, "").octets
    real = verifier.verdict

    def meanwhile_a_fuller_copy_comes(octets: bytes, *rest: Any) -> Any:
        post.receive(fuller, lillestad.inbox)
        return real(octets, *rest)

    post.receive(signed(raw), lillestad.inbox)
    with monkeypatch.context() as patched:
        patched.setattr(verifier, "verdict", meanwhile_a_fuller_copy_comes)
        verifier.verify_due()
    assert seen(lillestad) == ("", "")
    verifier.verify_due()
    assert seen(lillestad) == ("unverified", "no_signature")


def test_a_proof_waits_for_a_fuller_copy_that_is_just_being_stored(
    post: Pipeline, lillestad: Town, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = mail(text="Hej, jag undrar över sommarjobbet på badet. " * 12)
    fuller = exchange_footer(raw, lillestad.inbox.address, JOBB, "").octets
    filing = threading.Thread(target=in_a_worker(partial(post.receive, fuller, lillestad.inbox)))
    exchange, verdict, stored = timeline.exchange, verifier.verdict, threading.Event()

    def exchanged_and_not_committed(*given: Any) -> None:
        exchange(*given)
        stored.set()
        time.sleep(1.0)  # the proof is stored meanwhile, unless it waits

    def meanwhile_a_fuller_copy_comes(*given: Any) -> Any:
        found = verdict(*given)
        filing.start()
        assert stored.wait(30)
        return found

    post.receive(signed(raw), lillestad.inbox)
    with monkeypatch.context() as patched:
        patched.setattr(timeline, "exchange", exchanged_and_not_committed)
        patched.setattr(verifier, "verdict", meanwhile_a_fuller_copy_comes)
        verifier.verify_due()
        filing.join()
    assert seen(lillestad) == ("", "")


def in_a_worker(step: Callable[[], object]) -> Callable[[], None]:
    """The step for a thread of its own, with a database connection of its own."""

    def run() -> None:
        try:
            step()
        finally:
            connection.close()

    return run


def test_nothing_is_looked_up_for_what_is_no_message(post: Pipeline, lillestad: Town, verifier: Verifier) -> None:
    raw = mail()
    for _ in range(2):
        post.receive(raw, lillestad.inbox)
    assert verifier.verify_due() == 1


def test_the_resolver_asks_the_configured_servers_with_patience_and_memory(settings: Any) -> None:
    settings.DNS_RESOLVERS, settings.VERIFY_DNS_SECONDS = ["127.0.0.1:5399", "2001:db8::1"], 3.5
    resolver = resolver_from_settings()
    asked = [(server.address, server.port) for server in resolver.nameservers]
    assert asked == [("127.0.0.1", 5399), ("2001:db8::1", 53)]
    assert (resolver.lifetime, resolver.cache is not None) == (3.5, True)
