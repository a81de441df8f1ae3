"""After Activate, through a real Postfix: what receivers that share no code with us make of the mail.

From a claim without records to a mailbox: records published, checked, activated, an answer written by an agent, delivered
by the courier to Postfix and by Postfix to the mailbox, and then judged with the keys and policies in the DNS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from forwarding.reading import read_mail
from tests.support import judges
from tests.support.claims import ADDRESS, DOMAIN
from tests.support.dns import World, Zone
from tests.support.outgoing import some_key_pair
from tests.support.sending import ELSEWHERE, SUBDOMAIN, Sending
from tests.whitelabel.test_mime import letters
from whitelabel import dmarc, keys, mime, signing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(judges.missing()), reason=judges.missing() or "-"),
]
POLICIES = ("v=DMARC1; p=reject", "v=DMARC1; p=reject; adkim=s; aspf=s", "v=DMARC1; p=none; aspf=s")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", POLICIES)
def test_receivers_judge_an_answer_as_the_page_foretold(
    sending: Sending, policy_of: Callable[..., str], tmp_path: Path, policy: str
) -> None:
    sending.activate(policy)
    taken = sending.answer()
    port = sending.domain.world.port
    [signature] = judges.signatures([taken.content], tmp_path, port)
    assert signature == judges.Signature("pass", DOMAIN if "adkim=s" in policy else SUBDOMAIN)
    assert taken.envelope_sender.endswith(f"@{SUBDOMAIN}")
    assert policy_of(taken) == "pass"
    assert policy_of(taken, ELSEWHERE) != "pass"

    foretold = dmarc.forecast(
        {f"_dmarc.{DOMAIN}": (policy,)},
        from_domain=DOMAIN,
        signing_domain=signature.domain,
        return_path_domain=SUBDOMAIN,
    )
    judged = judges.dmarc(taken.content, port, spf="pass", mail_from=taken.envelope_sender, dkim=signature)
    forwarded = judges.dmarc(taken.content, port, spf="fail", mail_from=taken.envelope_sender, dkim=signature)
    assert (judged, forwarded) == (foretold.old.direct, foretold.old.forwarded)
    assert judged == "pass"


@pytest.mark.django_db(transaction=True)
def test_before_activate_nothing_claims_to_be_the_customer(sending: Sending, tmp_path: Path) -> None:
    sending.domain.publish()
    sending.domain.check()
    taken = sending.answer()
    read = read_mail(taken.content)
    assert read.sender is not None
    assert read.sender.address == "jobb.lillestad.test@mail.kundo.se"
    assert [person.address for person in read.reply_to] == [ADDRESS]
    assert taken.envelope_sender.endswith("@mail.kundo.se")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_somebody_changed_on_the_way_is_seen_through(sending: Sending, tmp_path: Path) -> None:
    sending.activate()
    taken = sending.answer()
    forged = [
        taken.content.replace(b"ledigt", b"upptaget"),
        b"From: chef@lillestad.test\r\n" + taken.content,
        b"Subject: Betala nu\r\n" + taken.content,
    ]
    assert forged[0] != taken.content
    judged = judges.signatures(forged, tmp_path, sending.domain.world.port)
    assert "pass" not in {signature.result for signature in judged}


@pytest.mark.django_db(transaction=True)
def test_headers_are_as_designed(sending: Sending) -> None:
    sending.activate()
    taken = sending.answer()
    read = read_mail(taken.content)
    assert read.sender is not None
    assert (read.sender.name, read.sender.address) == ("Jobb", ADDRESS)
    assert read.reply_to == ()
    assert read.subject == "Re: Fråga om jobbet"
    assert read.in_reply_to == ("fraga@example.org",)
    assert "fraga@example.org" in read.references
    assert read.message_id.endswith(f"@{SUBDOMAIN}")
    assert read.header("X-Kundo-Loop").startswith("v1;")
    assert "Hej, är jobbet ledigt?" in read.quoted_text
    ours = taken.content[taken.content.index(b"DKIM-Signature:") :].partition(b"\r\n\r\n")[0]
    names = [name.lower() for name in re.findall(rb"(?m)^([!-9;-~]+):", ours)]
    assert len(names) == len(set(names))
    assert {b"auto-submitted", b"precedence", b"bcc", b"return-path"} & set(names) == set()


def test_opendkim_agrees_about_any_text_people_may_write(tmp_path: Path) -> None:
    pair = some_key_pair()
    key = signing.SigningKey(SUBDOMAIN, "k1", keys.encrypt(pair.private_pem))
    mails: list[bytes] = []

    @given(letters)
    @hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def write(letter: mime.Letter) -> None:
        mails.append(signing.sign(mime.build(letter), key))

    write()
    record = f'"v=DKIM1; k=rsa; p={pair.public_key[:200]}" "{pair.public_key[200:]}"'
    with World() as world:
        world.serve(f"ns1.{DOMAIN}", Zone(DOMAIN, f"k1._domainkey.mgeu TXT {record}"))
        judged = judges.signatures(mails, tmp_path, world.port)
    assert len(judged) >= 100
    assert {signature.result for signature in judged} == {"pass"}
