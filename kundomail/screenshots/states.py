"""The table of page states: where each is found and what has to happen first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from kundomail.demo import loading

if TYPE_CHECKING:
    from playwright.sync_api import Page

SLUG = "lillestad"
SILENT = "vaxel@storby.example"
LIST = f"/{SLUG}/list/activity/"
SETTINGS = f"/{SLUG}/settings"
JOBS = "Lillestad, Jobb"
QUESTION, CERTIFICATES, PERMIT, REMINDER = (
    "timvikarie",
    "Ansökan undersköterska",
    "Bygglov för altan",
    "När får jag besked",
)

QUESTION_SUBJECT = "Fråga om tjänsten som timvikarie"

Open = Callable[["Page", str], None]
"""Takes a page and the product's address, and leaves the page as it is to be seen."""


class Who(Enum):
    """Whose eyes."""

    NOBODY = ""
    ADMIN = loading.ADMIN
    AGENT = loading.AGENT


class Stage(Enum):
    """How far the sender domain has come, in this order; the steps between are in preparing.py."""

    UNCHECKED = "unchecked"
    WAITING = "waiting"
    WRONG = "wrong"
    RIGHT = "right"
    ACTIVE = "active"
    BROKEN = "broken"


@dataclass(frozen=True)
class State:
    """One picture: its name, who looks, and how the page gets there."""

    name: str
    open: Open
    who: Who = Who.ADMIN
    stage: Stage = Stage.UNCHECKED
    whole: bool = True
    """The whole page, however long; else what a window shows."""
    document: int = 0
    """Height in px of the pictures for docs/pictures made of it; 0: none are."""


def at(path: str) -> Open:
    """Open a path."""

    def opening(page: Page, url: str) -> None:
        page.goto(url + path)

    return opening


def conversation(subject: str, then: Callable[[Page], None] | None = None) -> Open:
    """Open the conversation whose subject contains some words, from the list."""

    def opening(page: Page, url: str) -> None:
        page.goto(url + LIST)
        link = page.locator("#rows a.row-link", has_text=subject).first
        page.goto(url + (link.get_attribute("href") or ""))
        page.wait_for_load_state("load")
        if then:
            then(page)

    return opening


def settings(name: str) -> Open:
    """Open one of the settings pages of the inbox for jobs, by the end of its path."""

    def opening(page: Page, url: str) -> None:
        page.goto(f"{url}{SETTINGS}/inboxes/")
        href = page.locator("#main a[href*='/receive/']").first.get_attribute("href") or ""
        page.goto(url + re.sub(r"receive/$", name, href))

    return opening


def _answer(page: Page) -> None:
    field = page.locator("#composer-text")
    field.click()
    field.fill("Hej Barry!\n\nJa, det går bra att bara arbeta förmiddagar. Skicka gärna in din ansökan.")


def _comment(page: Page) -> None:
    page.locator("[name=to_mode][value=note]").first.click()
    page.locator("#composer.is-note #composer-text").fill("Jag ringer honom i eftermiddag.")


def _shortcuts(page: Page, url: str) -> None:
    page.goto(url + LIST)
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()


def _profile_menu(page: Page, url: str) -> None:
    page.goto(f"{url}{SETTINGS}/profile/")
    page.evaluate("document.getElementById('profile-menu').showPopover()")


def _wrong_address(page: Page, url: str) -> None:
    page.goto(f"{url}{SETTINGS}/inboxes/new/")
    page.locator("#main [name=address]").fill("jobb@lillestad")
    page.locator("#main [name=name]").fill("Lillestad, Jobb")
    page.locator("#main form").evaluate("form => { form.noValidate = true; form.requestSubmit() }")
    page.locator("#main .field-error, #main .errorlist, #main [aria-invalid=true]").first.wait_for()


def _wrong_password(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.locator("[name=login]").fill(loading.ADMIN)
    page.locator("[name=password]").fill("fel")
    page.locator("main form").last.evaluate("form => form.requestSubmit()")
    page.wait_for_load_state()


def _too_old(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.locator("main form").last.evaluate(
        "form => { for (const each of form.querySelectorAll('[name=csrfmiddlewaretoken]')) each.remove();"
        " form.noValidate = true; form.submit() }"
    )
    page.wait_for_load_state()


def _as_a_stranger(page: Page, address: str) -> None:
    """Open an address as somebody who is not logged in, in the language the page had."""
    language = page.locator("html").get_attribute("lang")
    page.context.clear_cookies()
    page.goto(address)
    if page.locator("html").get_attribute("lang") != language:
        with page.expect_navigation():
            page.locator(f"button[name=language][value={language}]").first.click()


def _link_for_it(page: Page, url: str) -> None:
    """A link is shown once, when it is made; it is opened by somebody who is not logged in."""
    settings("receive/sender/")(page, url)
    page.locator("form[action$='/links/'] button").click()
    link = page.locator("#new-link").inner_text().strip()
    _as_a_stranger(page, url + re.sub(r"^https?://[^/]+", "", link))


def _invitation(page: Page, url: str) -> None:
    """Invite somebody, take the link out of the mail that the demo's relay got, and open it as that person."""
    invited = f"ny.{page.locator('html').get_attribute('lang')}@lillestad.example"
    page.goto(f"{url}{SETTINGS}/members/")
    page.locator("#invite [name=email]").fill(invited)
    with page.expect_navigation():
        page.locator("#invite button[type=submit]").click()
    link = None
    while link is None:
        page.wait_for_timeout(500)
        page.goto(f"{url}/demo/sent/")
        mails = page.locator(".sent-mail", has_text=invited)
        link = re.search(r"/invite/[\w-]+/", (mails.first.text_content() or "") if mails.count() else "")
    _as_a_stranger(page, url + link[0])


def _new_inbox(path: str) -> Open:
    """Open a page of an inbox that no mail has come to, by the end of its path."""

    def opening(page: Page, url: str) -> None:
        page.goto(f"{url}{SETTINGS}/inboxes/")
        card = page.locator("#main .card", has_text=SILENT)
        if not card.count():
            page.goto(f"{url}{SETTINGS}/inboxes/new/")
            page.locator("#main [name=address]").fill(SILENT)
            page.locator("#main [name=name]").fill("Storby, Växel")
            with page.expect_navigation():
                page.locator("#main button[type=submit]").click()
            page.goto(f"{url}{SETTINGS}/inboxes/")
        href = card.locator("a[href*='/receive/']").get_attribute("href") or ""
        page.goto(url + path.format(receive=href, slug=SLUG, inbox=href.rstrip("/").split("/")[-2]))

    return opening


def _long_thread(page: Page) -> None:
    page.locator("#thread .thread-fold").wait_for()
    _answer(page)


def sender(name: str, stage: Stage, document: int = 0) -> State:
    """The page for the sender address at a stage."""
    return State(name, settings("receive/sender/"), stage=stage, document=document)


STATES: tuple[State, ...] = (
    State("log-in", at("/accounts/login/"), Who.NOBODY),
    State("log-in-wrong", _wrong_password, Who.NOBODY),
    State("sign-up", at("/accounts/signup/"), Who.NOBODY),
    State("password-reset", at("/accounts/password/reset/"), Who.NOBODY),
    State("new-organization", at("/new/")),
    State("inboxes", at(f"{SETTINGS}/inboxes/")),
    State("new-inbox", at(f"{SETTINGS}/inboxes/new/")),
    State("new-inbox-wrong", _wrong_address),
    State("inbox-general", settings("")),
    State("send-and-receive", settings("receive/")),
    State("signature", settings("signature/")),
    State("sender-unchecked", settings("receive/sender/")),
    State("members", at(f"{SETTINGS}/members/")),
    State("profile", at(f"{SETTINGS}/profile/")),
    State("profile-menu", _profile_menu, whole=False),
    State("email", at("/accounts/email/")),
    State("password", at("/accounts/password/change/")),
    State("list", at(f"/{SLUG}/"), whole=False),
    State("list-activity", at(LIST), whole=False),
    State("list-empty", at(f"/{SLUG}/list/waiting/"), Who.AGENT, whole=False),
    State("search", at(f"/{SLUG}/search/?q=ans%C3%B6kan"), whole=False),
    State("search-nothing", at(f"/{SLUG}/search/?q=giraff"), whole=False),
    State("conversation", conversation(REMINDER), whole=False),
    State("conversation-html", conversation(CERTIFICATES), whole=False),
    State("conversation-pictures", conversation(PERMIT), whole=False),
    State("composer", conversation(QUESTION, _answer), whole=False, document=960),
    State("note", conversation(QUESTION, _comment), Who.AGENT, whole=False),
    State("shortcuts", _shortcuts, whole=False),
    State("list-done", at(f"/{SLUG}/list/done/"), whole=False),
    State("list-spam-empty", at(f"/{SLUG}/list/spam/"), whole=False),
    State("list-mine", at(f"/{SLUG}/list/mine/"), Who.AGENT, whole=False),
    State("ledger", at(f"{SETTINGS}/ledger/")),
    State("ledger-nothing", at(f"{SETTINGS}/ledger/?sender=ingen%40example.org")),
    State("invitation", _invitation),
    State("not-found", at("/finns/inte/"), Who.NOBODY),
    State("no-access", at("/components/errors/403/"), Who.AGENT),
    State("too-many", at("/components/errors/429/"), Who.NOBODY),
    State("fault", at("/components/errors/500/"), Who.NOBODY),
    State("closed", at("/components/errors/503/"), Who.NOBODY),
    State("too-old", _too_old, Who.NOBODY),
    State("components", at("/components/")),
    State("components-work", at("/components/work/"), whole=False),
    State("sent-nothing", at("/demo/sent/")),
    sender("sender-waiting", Stage.WAITING),
    State("link-waiting", _link_for_it, stage=Stage.WAITING),
    sender("sender-wrong", Stage.WRONG, document=1180),
    State("link-wrong", _link_for_it, stage=Stage.WRONG),
    sender("sender-right", Stage.RIGHT, document=1180),
    sender("sender-active", Stage.ACTIVE),
    State("sent", at("/demo/sent/"), stage=Stage.ACTIVE),
    State("conversation-answered", conversation(QUESTION), stage=Stage.ACTIVE, whole=False),
    sender("sender-broken", Stage.BROKEN),
    State("composer-long", conversation(QUESTION, _long_thread), stage=Stage.BROKEN, whole=False),
    State("list-silent", _new_inbox("/{slug}/?inbox={inbox}"), stage=Stage.BROKEN, whole=False),
    State("forwarding", _new_inbox("{receive}"), stage=Stage.BROKEN),
)
