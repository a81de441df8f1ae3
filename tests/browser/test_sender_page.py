"""The page of the sender address in a browser, with real nameservers: boxes that turn, values that are copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from inboxes.creating import create_inbox
from organizations import scope
from organizations.models import User
from tests.support.browsing import be_patient, log_in
from tests.support.builders import town
from tests.support.claims import DOMAIN, Domain, domain_of, use_world
from tests.support.dns import World
from whitelabel import claims, links

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADDRESS = f"jobb@{DOMAIN}"
REQUIRED = "[data-record]:not([data-record=dmarc])"


@pytest.fixture
def domain(settings: Any, transactional_db: Any) -> Iterator[Domain]:
    with World() as world:
        use_world(settings, world)
        yield domain_of(town("Lillestad", ADDRESS), world)


@pytest.fixture
def opened(page: Page, served: str, domain: Domain) -> Page:
    """The page, open before an admin."""
    be_patient(page)
    log_in(page, served, domain.town.admin)
    page.goto(f"{served}/{domain.town.organization.slug}/settings/inboxes/{domain.town.inbox.pk}/receive/sender/")
    page.evaluate("window.notReloaded = true")
    return page


def meanwhile(act: Callable[[], object]) -> None:
    """Do it as a worker would: in a thread without the browser's event loop, with connections of its own."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread below
            problems.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for problem in problems:
        raise problem


def not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.notReloaded === true"))


def test_the_boxes_turn_green_and_the_button_works_without_a_reload(opened: Page, domain: Domain) -> None:
    activate = opened.get_by_role("button", name=f"Aktivera {ADDRESS}")
    expect(opened.locator(f"{REQUIRED}[data-state=unchecked]")).to_have_count(6)
    expect(activate).to_be_disabled()
    domain.publish()
    meanwhile(domain.agree)
    expect(opened.locator(f"{REQUIRED}[data-state=right]")).to_have_count(6)
    expect(activate).to_be_enabled()
    assert not_reloaded(opened)


def test_a_wrong_record_says_what_was_found(opened: Page, domain: Domain) -> None:
    domain.publish('mgeu TXT "v=spf1 mx -all"', without=("spf",))
    meanwhile(domain.check)
    record = opened.locator("[data-record=spf]")
    expect(record).to_have_attribute("data-state", "wrong")
    expect(record.locator(".record-found code")).to_have_text("v=spf1 mx -all")
    assert not_reloaded(opened)


def test_after_activation_the_page_says_so_and_offers_the_way_back(opened: Page, domain: Domain) -> None:
    domain.publish()
    meanwhile(domain.agree)
    opened.get_by_role("button", name=f"Aktivera {ADDRESS}").click()
    expect(opened.get_by_text("Alla poster kontrolleras en gång till")).to_be_visible()
    opened.evaluate("window.notReloaded = true")
    meanwhile(domain.agree)
    expect(opened.get_by_text(f"skickas från {ADDRESS}")).to_be_visible()
    assert not_reloaded(opened)
    opened.get_by_role("button", name="Sluta använda adressen …").click()
    dialog = opened.get_by_role("dialog", name=f"Sluta skicka som {ADDRESS}?")
    dialog.get_by_role("button", name="Sluta använda adressen").click()
    expect(opened.get_by_role("button", name=f"Aktivera {ADDRESS}")).to_be_visible()
    sender = domain.sender()
    assert sender is not None
    assert sender.activated_at is None


def test_each_copy_button_copies_exactly_its_value(opened: Page, served: str, domain: Domain) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served)
    with scope.organization(domain.town.organization):
        expected = {record.key: (record.name, record.value) for record in claims.records_of(domain.claim)}
    for key, (name, value) in expected.items():
        record = opened.locator(f"[data-record={key}]")
        for label, wanted in (("Kopiera namn", name), ("Kopiera värde", value)):
            record.get_by_role("button", name=label, exact=True).click()
            expect(record.get_by_role("button", name="Kopierat").first).to_be_visible()
            assert opened.evaluate("navigator.clipboard.readText()") == wanted


def test_host_names_are_shown_and_copied_for_panels_that_add_the_domain(
    opened: Page, served: str, domain: Domain
) -> None:
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served)
    opened.get_by_role("radio", name="Bara värdnamn").check()
    spf = opened.locator("[data-record=spf]")
    expect(spf.get_by_text("mgeu.lillestad.test", exact=True)).to_be_hidden()
    spf.get_by_role("button", name="Kopiera värdnamn").click()
    expect(spf.get_by_role("button", name="Kopierat").first).to_be_visible()
    assert opened.evaluate("navigator.clipboard.readText()") == "mgeu"


def test_the_choice_of_names_survives_an_update_of_the_records(opened: Page, domain: Domain) -> None:
    opened.get_by_role("radio", name="Bara värdnamn").check()
    domain.publish()
    meanwhile(domain.check)
    expect(opened.locator("[data-record=spf]")).to_have_attribute("data-state", "right")
    expect(opened.get_by_role("radio", name="Bara värdnamn")).to_be_checked()
    expect(opened.locator("[data-record=spf] .name-full")).to_be_hidden()


def test_a_long_name_of_an_inbox_stays_on_a_phones_page(page: Page, served: str, domain: Domain) -> None:
    with scope.organization(domain.town.organization):
        inbox = create_inbox(f"info@{DOMAIN}", "Sammanhållningsstrategisekreterarkansliet" * 2, actor=domain.town.admin)
    be_patient(page)
    log_in(page, served, domain.town.admin)
    page.set_viewport_size({"width": 390, "height": 844})
    for url in ("", f"settings/inboxes/{inbox.pk}/receive/", f"settings/inboxes/{inbox.pk}/receive/sender/"):
        page.goto(f"{served}/{domain.town.organization.slug}/{url}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, url
        expect(page.locator(".silent .copy-button").first if not url else page.locator("h1")).to_be_in_viewport(ratio=1)


def test_the_link_for_it_that_is_shown_once_is_where_one_looks(opened: Page, domain: Domain) -> None:
    meanwhile(domain.check)
    opened.get_by_role("button", name="Skapa en länk till IT").click()
    expect(opened.locator("#new-link")).to_be_in_viewport()


def test_the_link_for_it_shows_the_records_and_nothing_else_of_the_organization(
    browser: Browser, served: str, domain: Domain
) -> None:
    with scope.organization(domain.town.organization):
        _link, token = links.create(domain.claim, actor=domain.town.admin)
    page = browser.new_page(locale="sv-SE")
    be_patient(page)
    page.goto(served + links.path(token))
    expect(page.get_by_role("heading", level=1, name=f"DNS-poster för {DOMAIN}")).to_be_visible()
    expect(page.locator(REQUIRED)).to_have_count(6)
    expect(page.get_by_role("navigation")).to_have_count(0)
    body = page.locator("body").inner_text()
    assert domain.town.admin.email not in body
    assert domain.town.organization.name not in body
    slug = domain.town.organization.slug
    addresses = page.eval_on_selector_all(
        "a[href], form[action]", "all => all.map(each => each.getAttribute('href') ?? each.getAttribute('action'))"
    )
    assert addresses
    assert [address for address in addresses if f"/{slug}/" in address] == []
    domain.publish()
    meanwhile(domain.check)
    expect(page.locator(f"{REQUIRED}[data-state=right]")).to_have_count(6)
    page.context.close()


def test_one_switches_the_language_where_one_is(opened: Page, domain: Domain) -> None:
    address = opened.url
    opened.get_by_role("button", name="Lillestad Admin").click()
    opened.get_by_role("button", name="English").click()
    expect(opened.get_by_role("heading", level=1, name="Change sender address")).to_be_visible()
    assert opened.url == address
    assert User.objects.get(pk=domain.town.admin.pk).language == "en"


@pytest.mark.parametrize("name", ["", "{}/receive/", "{}/receive/sender/"])
def test_an_address_wider_than_a_phone_wraps(page: Page, served: str, domain: Domain, name: str) -> None:
    with scope.organization(domain.town.organization):
        address = f"en.adress.med.manga.ord.for.en.forvaltning.och.annu.nagra.till@{DOMAIN}"
        inbox = create_inbox(address, "Lillestad, Lång", actor=domain.town.admin)
    be_patient(page)
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, served, domain.town.admin)
    page.goto(f"{served}/{domain.town.organization.slug}/settings/inboxes/{name.format(inbox.pk)}")
    expect(page.get_by_text(address).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
