"""Who a mail is from and who gets it."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest
from django.utils import timezone

from conversations import composer, timeline
from conversations.models import Conversation, Message
from inboxes.models import Inbox
from organizations import scope
from tests.conversations.composer.writing import BARRY, CECILIA, DAVID, on_the_wire, rewrite, send
from tests.support import builders
from whitelabel.keys import token_keys
from whitelabel.models import OutboundMail, OutboundRecipient
from whitelabel.tokens import read_reply

pytestmark = pytest.mark.django_db

# --- Who it is from ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names_author", "author", "shown"),
    [
        (False, "Åsa Öberg, 1:e handläggare", "Jobb"),
        (True, "Åsa Öberg, 1:e handläggare", "Åsa Öberg, 1:e handläggare via Jobb"),
        (True, "", "Jobb"),
    ],
)
def test_an_inbox_names_itself_or_who_answers(conversation, town, names_author, author, shown) -> None:
    Inbox.objects.filter(pk=town.inbox.pk).update(names_author=names_author, name="Jobb")
    conversation.inbox.refresh_from_db()
    town.agent.name = author
    message = send(conversation, town)
    mail = on_the_wire(message)
    assert mail.sender is not None
    assert (mail.sender.name, mail.sender.address) == (shown, town.inbox.service_address)
    assert message.from_name == shown


# --- Who gets it ---------------------------------------------------------------------------------------------------


def test_a_reply_goes_to_who_wrote(conversation, town) -> None:
    filled = composer.prefill(conversation, "reply", town.agent)
    assert (filled.to, filled.cc, filled.bcc) == ((BARRY,), (), ())


def test_a_reply_goes_where_the_writer_asked_for_it(conversation, town) -> None:
    rewrite(conversation, reply_to=[CECILIA])
    assert composer.prefill(conversation, "reply", town.agent).to == (CECILIA,)


def test_a_reply_to_that_is_our_own_address_is_not_followed(conversation, town) -> None:
    rewrite(conversation, reply_to=[{"name": "Jobb", "address": "Jobb@lillestad.se"}])
    assert composer.prefill(conversation, "reply", town.agent).to == (BARRY,)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("ansokan@lillestad.se", ("barry@example.org", "anna@lillestad.se")),  # forwarded into the inbox
        ("", ("barry@example.org", "ansokan@lillestad.se", "anna@lillestad.se")),  # nothing says how it came here
        # A trace can be forged, or be of a forwarding before ours: no stranger is dropped for it.
        ("barry@example.org", ("barry@example.org", "ansokan@lillestad.se", "anna@lillestad.se")),
    ],
)
def test_the_address_by_which_a_mail_came_is_ours_and_is_not_written_to(conversation, town, way, expected) -> None:
    to = [{"name": "", "address": "Ansokan@lillestad.se"}, {"name": "", "address": "anna@lillestad.se"}]
    Message.objects.update(to=to, addressed_to=way)
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert tuple(person["address"].lower() for person in filled.to) == expected
    assert filled.cc == ()


def test_an_answer_asked_for_at_the_address_by_which_the_mail_came_goes_to_its_sender(conversation, town) -> None:
    Message.objects.update(
        addressed_to="ansokan@lillestad.se", reply_to=[{"name": "", "address": "ansokan@lillestad.se"}]
    )
    filled = composer.prefill(conversation, "reply", town.agent)
    assert [person["address"] for person in filled.to] == ["barry@example.org"]


def test_reply_all_drops_nobody_and_adds_nobody(conversation, town) -> None:
    ours = {"name": "", "address": "JOBB@lillestad.se"}
    service = {"name": "", "address": town.inbox.service_address}
    rewrite(conversation, to=[ours, CECILIA], cc=[DAVID, service, {**BARRY, "name": "B"}])
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((BARRY, CECILIA), (DAVID,))


def test_only_the_mail_answered_decides_not_older_ones(conversation, town) -> None:
    rewrite(conversation, cc=[DAVID])
    builders.received(town.inbox, conversation=conversation, sender=("Cecilia", "cecilia@example.org"))
    filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((CECILIA,), ())


def test_an_out_of_office_reply_is_not_what_one_answers(conversation, town) -> None:
    automatic = builders.received(town.inbox, conversation=conversation, sender=("David", "david@example.org"))
    Message.objects.filter(pk=automatic.pk).update(mail_class="auto_reply")
    assert composer.prefill(conversation, "reply", town.agent).to == (BARRY,)


def test_a_mail_is_forwarded_to_nobody_until_one_is_chosen(conversation, town) -> None:
    filled = composer.prefill(conversation, "forward", town.agent)
    assert (filled.to, filled.cc, filled.bcc) == ((), (), ())


def test_where_only_we_have_written_the_next_mail_goes_to_the_same_people(town) -> None:
    with scope.organization(town.organization):
        conversation = timeline.open_conversation(
            town.inbox, subject="Hej", normal_subject="hej", contact=None, sender_label="", at=timezone.now()
        )
        send(conversation, town, to=[CECILIA], cc=[DAVID])
        filled = composer.prefill(conversation, "reply_all", town.agent)
    assert (filled.to, filled.cc) == ((CECILIA,), (DAVID,))


@pytest.mark.parametrize(
    "address", ["", "barry", "barry@", "b@c", "å@example.org", "a b@example.org", "a@b.se\nBcc: x@y.se"]
)
def test_an_address_nobody_can_be_reached_at_is_named(conversation, town, address: str) -> None:
    with pytest.raises(composer.InvalidRecipient, match=re.escape(f"”{' '.join(address.split())}”")):
        send(conversation, town, to=[{"name": "", "address": address}])
    assert not OutboundMail.objects.exists()


def test_the_inbox_does_not_write_to_itself(conversation, town) -> None:
    for address in ("jobb@lillestad.se", town.inbox.service_address.upper()):
        with pytest.raises(composer.InvalidRecipient):
            send(conversation, town, to=[{"name": "", "address": address}])


def test_a_mail_needs_a_recipient(conversation, town) -> None:
    with pytest.raises(composer.InvalidRecipient):
        send(conversation, town, to=[])


def test_a_domain_with_swedish_letters_is_written_as_mail_servers_know_it(conversation, town) -> None:
    message = send(conversation, town, to=[{"name": "Åsa", "address": "asa@räksmörgås.se"}])
    assert message.to == [{"name": "Åsa", "address": "asa@xn--rksmrgs-5wao1o.se"}]


def test_a_hidden_copy_is_sent_and_shown_to_nobody(conversation, town) -> None:
    message = send(conversation, town, bcc=[DAVID])
    assert OutboundRecipient.objects.filter(mail=message.outbound, address="david@example.org").exists()
    assert b"david" not in bytes(message.outbound.content)
    assert message.bcc == [DAVID]


def test_to_and_cc_are_in_the_mail_as_they_were_chosen(conversation, town) -> None:
    mail = message_from_bytes(
        bytes(send(conversation, town, to=[BARRY, CECILIA], cc=[DAVID]).outbound.content), policy=policy.default
    )
    assert mail["To"] == "Barry Berg <barry@example.org>, Cecilia <cecilia@example.org>"
    assert mail["Cc"] == "david@example.org"
    assert mail["Bcc"] is None


# --- Where the address is ours -------------------------------------------------------------------------------------


def test_answers_to_an_address_of_ours_carry_the_conversation(conversation, town, settings) -> None:
    Inbox.objects.filter(pk=town.inbox.pk).update(address=f"postmaster@{settings.MAIL_DOMAIN}")
    conversation = Conversation.objects.get(pk=conversation.pk)
    message = send(conversation, town)
    [reply_to] = on_the_wire(message).reply_to
    key, _plus, tag = reply_to.address.partition("@")[0].partition("+")
    assert reply_to.address.endswith(f"@{settings.MAIL_DOMAIN}")
    token = read_reply(token_keys(), town.organization.pk, key, tag)
    assert token is not None
    assert token.conversation_id == conversation.pk
    rewrite(conversation, to=[{"name": "", "address": reply_to.address}, CECILIA])
    assert composer.prefill(conversation, "reply_all", town.agent).to == (BARRY, CECILIA)


def test_answers_to_the_customers_own_address_carry_nothing(conversation, town) -> None:
    [reply_to] = on_the_wire(send(conversation, town)).reply_to
    assert reply_to.address == "jobb@lillestad.se"
