"""Making an inbox: the service address it gets, and a clear answer where it cannot be made."""

import pytest
from django.utils import translation

from inboxes.creating import InboxRefused, create_inbox
from inboxes.models import Inbox, ServiceAddress
from organizations import scope
from organizations.founding import found_organization
from organizations.models import Event
from tests.support.builders import person, town

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    founded = found_organization("Lillestad", person())
    with scope.organization(founded):
        yield founded


def key_of(inbox: Inbox) -> str:
    return ServiceAddress.objects.get(inbox=inbox).local_key


def test_the_service_address_is_there_at_once(organization):
    inbox = create_inbox("jobb@lillestad.se", "Jobb", actor=None)
    assert inbox.service_address == "jobb.lillestad.se@mail.kundo.se"
    assert Event.objects.filter(kind="inbox.created").exists()


def test_two_addresses_that_read_alike_get_different_keys(organization):
    first = create_inbox("info@it.lillestad.se", "IT", actor=None)
    second = create_inbox("info.it@lillestad.se", "Info IT", actor=None)
    assert key_of(first) == "info.it.lillestad.se"
    assert key_of(second) != key_of(first)
    assert key_of(second).startswith("info.it.lillestad.se-")


def test_a_long_address_gets_a_key_that_fits(organization):
    inbox = create_inbox(
        "kontaktcenter.socialtjansten-och-omsorgsforvaltningen@sodertaljekommun.se", "Omsorg", actor=None
    )
    assert len(key_of(inbox)) <= 64


def test_swedish_letters_in_the_local_part_give_an_ascii_key(organization):
    assert key_of(create_inbox("ansökan@lillestad.se", "Ansökan", actor=None)) == "ansokan.lillestad.se"


def test_a_domain_with_swedish_letters_is_kept_as_its_a_label(organization):
    inbox = create_inbox("jobb@östersund.se", "Jobb", actor=None)
    assert inbox.address == "jobb@xn--stersund-m4a.se"
    assert key_of(inbox) == "jobb.xn--stersund-m4a.se"


def test_upper_case_and_a_trailing_dot_are_the_same_address(organization):
    create_inbox("Jobb@Lillestad.SE.", "Jobb", actor=None)
    with pytest.raises(InboxRefused):
        create_inbox("jobb@lillestad.se", "Jobb", actor=None)


def test_the_same_address_twice_is_said_in_the_persons_language(organization):
    create_inbox("jobb@lillestad.se", "Jobb", actor=None)
    with translation.override("sv"), pytest.raises(InboxRefused, match="Ni har redan en inkorg"):
        create_inbox("jobb@lillestad.se", "Jobb", actor=None)
    with translation.override("en"), pytest.raises(InboxRefused, match="You already have an inbox"):
        create_inbox("jobb@lillestad.se", "Jobb", actor=None)


def test_an_address_of_another_organization_is_refused_with_whom_to_ask():
    town("Storstad", "jobb@lillestad.se")
    latecomer = found_organization("Lillestad", person())
    with scope.organization(latecomer), translation.override("sv"):
        with pytest.raises(InboxRefused, match="används redan av en annan organisation"):
            create_inbox("jobb@lillestad.se", "Jobb", actor=None)
        assert Inbox.objects.count() == 0


def test_a_key_of_another_organization_is_not_given_twice():
    town("Storstad", "info@it.lillestad.se")
    other = found_organization("Lillestad", person())
    with scope.organization(other):
        assert key_of(create_inbox("info.it@lillestad.se", "Info", actor=None)) != "info.it.lillestad.se"


def test_a_retired_key_is_never_given_again(organization):
    ServiceAddress.objects.create(local_key="jobb.lillestad.se", state=ServiceAddress.State.RETIRED)
    assert key_of(create_inbox("jobb@lillestad.se", "Jobb", actor=None)) != "jobb.lillestad.se"


@pytest.mark.parametrize(
    "address", ["jobb", "jobb@", "@lillestad.se", "jobb@lillestad", "a b@lillestad.se", "jobb@[127.0.0.1]", ""]
)
def test_what_is_no_address_is_refused(organization, address):
    with pytest.raises(InboxRefused):
        create_inbox(address, "Jobb", actor=None)


def test_letters_that_look_like_others_are_refused(organization):
    with pytest.raises(InboxRefused, match=r"liknar|look like"):
        create_inbox("jobb@l\u0456llestad.se", "Jobb", actor=None)


@pytest.mark.parametrize("address", ["jobb@mail.kundo.se", "x@a.mail.kundo.se"])
def test_an_address_of_the_service_cannot_be_an_inbox(organization, address):
    with pytest.raises(InboxRefused):
        create_inbox(address, "Jobb", actor=None)


@pytest.mark.parametrize("local_part", ["postmaster", "abuse", "hostmaster", "admin"])
def test_a_reserved_word_never_becomes_a_key_by_itself(organization, local_part):
    inbox = create_inbox(f"{local_part}@lillestad.se", "Drift", actor=None)
    assert key_of(inbox) not in (local_part, "admin", "postmaster")
    assert "." in key_of(inbox)
