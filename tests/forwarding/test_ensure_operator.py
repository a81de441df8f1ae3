"""`manage.py ensure_operator`: mail to postmaster and abuse has an inbox, however often it is asked for."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from conversations.models import Message
from inboxes.addressing import is_reserved
from inboxes.models import Inbox, ServiceAddress
from organizations import scope
from organizations.founding import memberships_of
from organizations.models import Event, Organization, User
from tests.support.builders import person, town
from tests.support.mails import mail, pipeline

pytestmark = pytest.mark.django_db(transaction=True)


def ensure(*arguments: str) -> None:
    call_command("ensure_operator", *arguments)


def organizations_of(user: User) -> list[Organization]:
    return [membership.organization for membership in memberships_of(user)]


@pytest.mark.parametrize("recipient", ["postmaster@mail.kundo.se", "abuse@mail.kundo.se", "Postmaster"])
def test_mail_to_postmaster_and_abuse_is_filed_in_the_operators_inbox(recipient: str) -> None:
    admin = person()
    ensure("--admin", admin.email)
    with pipeline(operator_key=settings.SMTP_OPERATOR_KEY) as post:
        post.send(mail("Er server svarar inte"), recipient)
        post.file()
    [operator] = organizations_of(admin)
    with scope.organization(operator):
        assert [message.subject for message in Message.objects.all()] == ["Er server svarar inte"]


def test_asking_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    admin = person()
    for arguments in (("--admin", admin.email), ("--admin", admin.email), ()):
        ensure(*arguments)
    assert len(organizations_of(admin)) == 1
    with scope.organization(organizations_of(admin)[0]):
        assert not Event.objects.filter(kind="member.role").exists()
    with scope.organization(organizations_of(admin)[0]):
        assert (Inbox.objects.count(), ServiceAddress.objects.count()) == (1, 1)
    assert capsys.readouterr().out.count("there already") == 2


def test_a_suspended_key_leads_to_its_inbox_again() -> None:
    admin = person()
    ensure("--admin", admin.email)
    with scope.organization(organizations_of(admin)[0]):
        ServiceAddress.objects.update(state=ServiceAddress.State.SUSPENDED)
    ensure()
    with scope.organization(organizations_of(admin)[0]):
        assert ServiceAddress.objects.get().state == ServiceAddress.State.ACTIVE


def test_a_new_admin_is_let_in_and_a_stranger_is_made() -> None:
    ensure("--admin", person().email)
    ensure("--admin", "Drift@example.se")
    stranger = User.objects.get(email="drift@example.se")
    assert not stranger.has_usable_password()
    assert [membership.is_admin for membership in memberships_of(stranger)] == [True]


def test_nothing_is_made_that_nobody_reads() -> None:
    with pytest.raises(CommandError, match="--admin EMAIL"):
        ensure()


def test_without_a_key_the_command_says_what_to_set(settings) -> None:
    settings.SMTP_OPERATOR_KEY = ""
    with pytest.raises(CommandError, match="SMTP_OPERATOR_KEY is empty"):
        ensure("--admin", person().email)


def test_the_operators_key_is_one_that_no_customer_can_get() -> None:
    assert is_reserved(settings.SMTP_OPERATOR_KEY)


def test_a_key_of_a_customer_is_not_taken_over_but_told(capsys: pytest.CaptureFixture[str], settings) -> None:
    lillestad = town()
    settings.SMTP_OPERATOR_KEY = "jobb.lillestad.se"
    ensure()
    assert "goes to jobb.lillestad.se@mail.kundo.se (there already)" in capsys.readouterr().out
    with scope.organization(lillestad.organization):
        assert Inbox.objects.count() == 1
