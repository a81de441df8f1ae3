"""Every state of the sender address's page is for everybody: axe finds nothing, and nothing is wider than a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from inboxes.models import Inbox
from inboxes.sample_mail import RETURNED, note_returned, send_sample
from organizations import scope
from organizations.models import Event, Organization, User
from tests.browser.test_sender_page import ADDRESS, meanwhile
from tests.support.browsing import be_patient, log_in
from tests.support.builders import town
from tests.support.claims import Domain, domain_of, use_world
from tests.support.dns import World
from whitelabel import activation, links, rotation
from whitelabel.models import DomainApproval, SenderDomain

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOCALES = {"sv": "sv-SE", "en": "en-GB"}
SETTLE_MS = 200
MATRIX_SECONDS = 480
SAID = ("mx.lillestad.test; spf=pass; dkim=pass header.d=mgeu2.lillestad.test; dmarc=fail",)


@pytest.fixture
def domain(settings: Any, transactional_db: Any) -> Iterator[Domain]:
    with World() as world:
        use_world(settings, world)
        yield domain_of(town("Lillestad", ADDRESS), world)


# --- the states, each from the one before -----------------------------------------------------------------------------


def new(domain: Domain) -> None:
    """The subdomain was just found to be free; the form for another one is open."""


def looked_past(domain: Domain) -> None:
    """The wanted subdomain is in use for something else."""
    refused = [["mgeu", "MX 10 mxa.mailgun.org."]]
    domain.age(label="mgeu2", label_finding={"code": "free", "found": "", "refused": refused})


def right(domain: Domain) -> None:
    """Everything is published, and a test mail is on its way."""
    domain.publish()
    domain.agree()
    with scope.organization(domain.town.organization):
        Inbox.objects.update(last_received_at=timezone.now())
        send_sample(Inbox.objects.get(), domain.town.admin)


def in_use(domain: Domain) -> None:
    """The address is active, and the test mail came back."""
    with scope.organization(domain.town.organization):
        claim = domain.claim
        activation.request(claim, ADDRESS, actor=domain.town.admin, record_version=claim.record_version)
        sent = Event.objects.get(kind="sender_address.test_mail")
        note_returned(domain.town.inbox, sent.data["message_id"], SAID)
        assert Event.objects.filter(kind=RETURNED).exists()
    domain.check()


def asked(domain: Domain) -> None:
    """Another organization asks to send as the domain too."""
    other = town("Grannby kommunalförbund", "info@grannby.test").organization
    with scope.organization(domain.town.organization):
        DomainApproval.objects.create(
            sender_domain=domain.claim,
            asking_organization=Organization(pk=other.pk),
            asking_claim_id=0,
            asking_name=other.name,
            asked_at=timezone.now(),
        )


def rotating(domain: Domain) -> None:
    """The signing key is being replaced, and IT has a link."""
    with scope.organization(domain.town.organization):
        rotation.start(domain.claim, actor=domain.town.admin)
        link, _token = links.create(domain.claim, actor=domain.town.admin)
        links.mark_opened(link)
        links.mark_done(link)
    domain.check()


def broken(domain: Domain) -> None:
    """The records are gone, all of them."""
    domain.publish(without=("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner"))
    domain.check()
    domain.minutes_pass(11)
    domain.check()


def mending(domain: Domain) -> None:
    """They are back, and not trusted yet."""
    domain.publish()
    domain.check()


def lapsed(domain: Domain) -> None:
    """The domain is gone."""
    domain.age(state=SenderDomain.State.LAPSED, next_check_at=timezone.now() + timedelta(days=1))


STATES: tuple[Callable[[Domain], None], ...] = (
    new,
    looked_past,
    right,
    in_use,
    asked,
    rotating,
    broken,
    mending,
    lapsed,
)


def look(page: Page, name: str) -> list[str]:
    """What axe and a ruler find on the page as it is, on a desk and on a phone."""
    found = []
    for size in (DESK, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # A dictionary of the two numbers it wants.
        page.wait_for_timeout(SETTLE_MS)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            found.append(f"{name} is {width} px wide at {size['width']}")
        report = Axe().run(page)
        if report.violations_count:
            found.append(f"{name} {size['width']}: {report.generate_report()}")
    return found


@pytest.mark.timeout(MATRIX_SECONDS)
@pytest.mark.parametrize("language", LOCALES)
def test_every_state_of_the_page_is_for_everybody(browser: Browser, served: str, domain: Domain, language: str) -> None:
    User.objects.update(language=language)
    page = browser.new_page(locale=LOCALES[language], color_scheme="light", reduced_motion="reduce")
    be_patient(page)
    log_in(page, served, domain.town.admin)
    place = f"{served}/{domain.town.organization.slug}/settings/inboxes/"
    found: list[str] = []
    for state in STATES:
        meanwhile(lambda state=state: state(domain))  # type: ignore[misc]
        page.goto(f"{place}{domain.town.inbox.pk}/receive/sender/")
        expect(page.locator("html")).to_have_attribute("lang", language)
        for details in page.locator("#domain details").all():
            details.locator("summary").click()
        found += look(page, state.__name__)
        if state is broken:
            page.goto(place)
            found += look(page, "the list of inboxes")
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.timeout(MATRIX_SECONDS)
@pytest.mark.parametrize("language", LOCALES)
def test_the_link_for_it_is_for_everybody_in_every_state(
    browser: Browser, served: str, domain: Domain, language: str
) -> None:
    with scope.organization(domain.town.organization):
        _link, token = links.create(domain.claim, actor=domain.town.admin)
    page = browser.new_page(locale=LOCALES[language], color_scheme="light", reduced_motion="reduce")
    be_patient(page)
    found: list[str] = []
    for state in (new, looked_past, right, lapsed):
        meanwhile(lambda state=state: state(domain))  # type: ignore[misc]
        page.goto(served + links.path(token))
        if language == "en" and page.locator("html").get_attribute("lang") != "en":
            page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        found += look(page, f"link {state.__name__}")
    page.context.close()
    assert not found, "\n".join(found)
