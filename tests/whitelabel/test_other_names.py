"""Nothing rests on the default names: the whole way with another mail domain and another label for the subdomain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dkim
import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from inboxes.creating import create_inbox
from organizations import scope
from tests.support import builders
from tests.support.claims import Domain, domain_of, use_world
from tests.support.dns import World
from tests.support.outgoing import queued
from whitelabel import claims, identity, links
from whitelabel.models import OutboundMail

pytestmark = pytest.mark.django_db(transaction=True)

OURS, LABEL, DOMAIN = "mail.example.net", "post", "lillestad.test"
DEFAULTS = ("mgeu", "kundo.se")
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def domain(settings: Any) -> Iterator[Domain]:
    """A town that came after the operator had chosen names of its own."""
    settings.MAIL_DOMAIN, settings.SENDER_SUBDOMAIN_LABEL = OURS, LABEL
    settings.SUPPORT_ADDRESS, settings.DEFAULT_FROM_EMAIL = f"support@{OURS}", f"KundoMail <no-reply@{OURS}>"
    with World() as world:
        use_world(settings, world)
        yield domain_of(builders.town("Lillestad", f"jobb@{DOMAIN}"), world)


def shown(domain: Domain, path: str) -> str:
    client = Client()
    client.force_login(domain.town.admin)
    return client.get(path).content.decode()


def page(domain: Domain, name: str = "inboxes:sender", **form: str) -> str:
    arguments = [domain.town.organization.slug, domain.town.inbox.pk, *form.values()]
    return shown(domain, reverse(name, args=arguments))


def press(domain: Domain, name: str, **data: Any) -> None:
    client = Client()
    client.force_login(domain.town.admin)
    client.post(reverse(name, args=[domain.town.organization.slug, domain.town.inbox.pk]), data)


def without_defaults(text: str) -> bool:
    return not any(name in text for name in DEFAULTS)


def test_every_record_and_every_form_of_it_has_the_chosen_names(domain: Domain) -> None:
    with scope.organization(domain.town.organization):
        records = claims.records_of(domain.claim)
        _link, token = links.create(domain.claim, actor=domain.town.admin)
    values = {record.key: (record.name, record.value) for record in records}

    assert values["spf"] == (f"{LABEL}.{DOMAIN}", f"v=spf1 include:_spf.{OURS} ~all")
    assert values["mx1"] == (f"{LABEL}.{DOMAIN}", f"10 mx1.{OURS}.")
    assert values["dkim-k1"][0] == f"k1._domainkey.{LABEL}.{DOMAIN}"
    assert values["owner"] == (f"_owner.{LABEL}.{DOMAIN}", f"{OURS}-verify={domain.claim.token}")
    texts = [page(domain), shown(domain, links.path(token)), shown(domain, f"{links.path(token)}zone/")]
    texts += [page(domain, "inboxes:sender_export", form=form) for form in ("zone", "csv", "txt")]
    assert [f"{LABEL}.{DOMAIN}" in text for text in texts] == [True] * 6
    assert [without_defaults(text) for text in texts] == [True] * 6


def test_the_way_from_records_to_signed_mail_and_back_has_the_chosen_names(domain: Domain) -> None:
    domain.publish()
    domain.agree()
    press(domain, "inboxes:sender_activate", record_version=domain.claim.record_version)
    domain.check()
    with scope.organization(domain.town.organization):
        who = identity.choose(f"jobb@{DOMAIN}", domain.town.inbox.service_address, "Jobb")
        queued(domain.town.inbox, letter={"message_id": f"<1@{OURS}>"})
        sent = OutboundMail.objects.get()
        content = bytes(sent.content)
        published = {f"{r.name}.".encode(): r.value.encode() for r in claims.records_of(domain.claim)}
        verified = dkim.verify(content, dnsfunc=lambda name, timeout=5: published.get(name))

    assert domain.claim.state == "active"
    assert (who.kind, who.return_path_domain, who.signing and who.signing.domain) == (
        "own",
        f"{LABEL}.{DOMAIN}",
        f"{LABEL}.{DOMAIN}",
    )
    assert message_from_bytes(content)["From"].endswith(f"<jobb@{DOMAIN}>")
    assert verified
    assert without_defaults(content.decode())
    assert all(without_defaults(message.subject + message.body + message.from_email) for message in mail.outbox)
    press(domain, "inboxes:sender_deactivate")
    with scope.organization(domain.town.organization):
        back = identity.choose(f"jobb@{DOMAIN}", domain.town.inbox.service_address, "Jobb")
    assert (back.kind, back.from_address) == ("service", f"jobb.{DOMAIN}@{OURS}")
    assert without_defaults(page(domain))


def test_a_taken_label_leads_to_the_next_one_of_the_chosen_name(domain: Domain) -> None:
    domain.publish(f"{LABEL} A 192.0.2.5", without=("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner"))
    domain.age(label_finding={})

    assert domain.check().label == f"{LABEL}2"


def test_the_chosen_mail_domain_cannot_be_claimed(domain: Domain) -> None:
    with scope.organization(domain.town.organization), pytest.raises(claims.ClaimRefused):
        claims.start(OURS, actor=domain.town.admin)


def test_a_new_inbox_gets_a_service_address_at_the_chosen_domain(domain: Domain) -> None:
    with scope.organization(domain.town.organization):
        inbox = create_inbox(f"info@{DOMAIN}", "Info", actor=domain.town.admin)
        assert inbox.service_address == f"info.{DOMAIN}@{OURS}"

    assert OURS in shown(domain, reverse("inboxes:receive", args=[domain.town.organization.slug, inbox.pk]))


def test_what_settings_derive_from_the_environment_follows_it() -> None:
    names = ("MAIL_DOMAIN", "SENDER_SUBDOMAIN_LABEL", "SUPPORT_ADDRESS", "DEFAULT_FROM_EMAIL", "SMTP_HOSTNAME")
    script = f"from django.conf import settings; print(*(getattr(settings, name) for name in {names!r}), sep='\\n')"
    environment = {**os.environ, "MAIL_DOMAIN": OURS, "SENDER_SUBDOMAIN_LABEL": LABEL}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, env=environment, capture_output=True, check=True
    )

    assert done.stdout.decode().splitlines() == [
        OURS,
        LABEL,
        f"support@{OURS}",
        f"KundoMail <no-reply@{OURS}>",
        OURS,
    ]
