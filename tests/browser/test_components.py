"""The shared parts in a browser: copying, menus, dialogs, toasts, the keyboard, unsaved changes, live updates."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from kundomail.components_page import DKIM_VALUE
from tests.support.browsing import PATIENCE_MS, be_patient
from tests.support.web import serving

pytestmark = pytest.mark.browser

STREAM = "/the-live-stream/"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all tests: the page of the components asks the database for nothing."""
    with serving() as address:
        yield address


@pytest.fixture
def context(browser: Browser, url: str) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, url: str) -> Iterator[Page]:
    """The page of all components; no script of it may fail."""
    opened = context.new_page()
    be_patient(opened)
    failures: list[str] = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    opened.goto(f"{url}/components/")
    yield opened
    assert failures == []


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def copy_button(page: Page, field: str) -> Any:
    return page.locator(f".copy:has(#{field}) .copy-button")


# --- Copying -----------------------------------------------------------------------------------------------------


def test_the_copy_button_copies_exactly_the_value(page: Page) -> None:
    copy_button(page, "example-dkim").click()
    expect(copy_button(page, "example-dkim")).to_have_class(re.compile("is-copied"))
    assert clipboard(page) == DKIM_VALUE


def test_a_value_selected_by_hand_is_exactly_the_value(page: Page) -> None:
    page.locator("#example-dkim").click()
    assert page.evaluate("getSelection().toString()") == DKIM_VALUE


def test_the_copy_button_says_so_and_becomes_itself_again(page: Page) -> None:
    button = copy_button(page, "example-address")
    name = button.get_attribute("aria-label")
    button.click()
    expect(button).to_have_attribute("aria-label", "Kopierat")
    expect(button.get_by_text("Kopierat")).to_be_visible()
    expect(button).to_have_attribute("aria-label", str(name))
    expect(button).to_be_focused()


def test_copying_works_where_the_browser_has_no_clipboard_interface(
    page: Page, context: BrowserContext, url: str
) -> None:
    old = context.new_page()
    old.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {get: () => undefined})")
    old.goto(f"{url}/components/")
    copy_button(old, "example-dkim").click()
    expect(copy_button(old, "example-dkim")).to_have_attribute("aria-label", "Kopierat")
    page.bring_to_front()
    assert clipboard(page) == DKIM_VALUE


# --- Menus and dialogs -------------------------------------------------------------------------------------------


def test_a_menu_opens_at_its_button_and_closes_with_escape(page: Page) -> None:
    button = page.get_by_role("button", name="Tilldela", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    menu, anchor = page.locator("#example-menu").bounding_box(), button.bounding_box()
    assert menu
    assert anchor
    assert abs(menu["x"] - anchor["x"]) < 2
    page.keyboard.press("Escape")
    expect(page.locator("#example-menu")).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_be_focused()


def test_arrow_keys_walk_a_menu_round(page: Page) -> None:
    page.get_by_role("button", name="Tilldela", exact=True).click()
    items = page.locator("#example-menu .menu-item")
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#example-menu")).to_be_hidden()


def test_a_dialog_takes_the_focus_and_gives_it_back(page: Page) -> None:
    opener = page.locator("[data-open-dialog=example-dialog]")
    opener.click()
    dialog = page.get_by_role("dialog", name="Sluta skicka som jobb@lillestad.se?")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog').id") == "example-dialog"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_click_on_the_veil_closes_a_dialog_and_one_inside_does_not(page: Page) -> None:
    page.locator("[data-open-dialog=example-dialog]").click()
    page.locator("#example-dialog p").click()
    expect(page.locator("#example-dialog")).to_be_visible()
    page.mouse.click(5, 5)
    expect(page.locator("#example-dialog")).to_be_hidden()


def test_tabs_show_one_panel_and_move_by_arrow_keys(page: Page) -> None:
    page.locator("#tab-reply-label").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-note-label")).to_be_focused()
    expect(page.locator("#tab-note")).to_be_visible()
    expect(page.locator("#tab-reply")).to_be_hidden()


# --- Toasts ------------------------------------------------------------------------------------------------------


def test_undo_on_a_toast_reaches_the_server(page: Page) -> None:
    page.locator("#example-toast").click()
    page.locator("#toasts .toast-undo").click()
    expect(page.locator("#toasts")).to_contain_text("Ångrat")


def test_a_server_that_does_not_answer_is_said_and_stays_until_closed(page: Page) -> None:
    page.route("**/components/undone/", lambda route: route.abort())
    page.locator("#example-toast").click()
    page.locator("#toasts .toast-undo").click()
    failure = page.locator("#toasts [data-toast=error]")
    expect(failure).to_contain_text("Inget sparades")
    failure.locator("[data-close-toast]").click()
    expect(failure).to_have_count(0)


def test_what_the_server_says_after_a_form_is_a_toast(page: Page) -> None:
    page.locator("form[data-guard] button[type=submit]").click()
    expect(page.locator("#toasts .toast")).to_contain_text("Inget sparades")


# --- The keyboard ------------------------------------------------------------------------------------------------


@pytest.fixture
def work(page: Page, url: str) -> Page:
    """The working view with its example rows."""
    page.goto(f"{url}/components/work/")
    return page


def focused_row(page: Page) -> int:
    return int(
        page.evaluate(
            "[...document.querySelectorAll('[data-row]')].findIndex(row => row.contains(document.activeElement))"
        )
    )


def test_j_and_k_walk_the_rows_and_x_selects(work: Page) -> None:
    work.keyboard.press("j")
    first = focused_row(work)
    work.keyboard.press("j")
    assert focused_row(work) == first + 1
    work.keyboard.press("k")
    assert focused_row(work) == first
    work.keyboard.press("x")
    assert work.evaluate("document.activeElement.closest('[data-row]').querySelector('input').checked")


def test_a_slash_leads_to_the_search_and_letters_there_are_letters(work: Page) -> None:
    work.keyboard.press("/")
    search = work.locator("input[name=q]")
    expect(search).to_be_focused()
    work.keyboard.type("jxk?")
    expect(search).to_have_value("jxk?")
    expect(work.locator("#shortcuts")).to_be_hidden()


def test_the_help_sheet_lists_what_the_page_has(work: Page) -> None:
    work.keyboard.press("?")
    sheet = work.locator("#shortcuts [data-shortcut-list]")
    for line in ("Nästa rad", "Tilldela mig", "Klart", "Sök bland mail"):
        expect(sheet).to_contain_text(line)


def test_a_page_without_rows_does_not_promise_to_walk_them(page: Page, url: str) -> None:
    page.goto(f"{url}/no/such/page/")
    page.keyboard.press("?")
    sheet = page.locator("#shortcuts [data-shortcut-list]")
    expect(sheet).to_contain_text("Den här översikten")
    expect(sheet).not_to_contain_text("Nästa rad")


def test_shortcuts_can_be_switched_off_and_stay_off(work: Page) -> None:
    work.keyboard.press("?")
    work.locator("[data-shortcut-switch]").uncheck()
    work.keyboard.press("Escape")
    work.reload()
    work.keyboard.press("j")
    work.keyboard.press("?")
    assert focused_row(work) == -1
    expect(work.locator("#shortcuts")).to_be_hidden()


# --- What the reader chose ---------------------------------------------------------------------------------------


def test_the_appearance_chosen_is_there_at_the_next_first_paint(page: Page, url: str) -> None:
    page.locator("[data-theme-choice=dark]").click()
    assert 'data-theme="dark"' in page.request.get(f"{url}/components/").text()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.locator("[data-theme-choice='']").click()
    assert "data-theme=" not in page.request.get(f"{url}/components/").text().split("<body")[0]


def test_the_side_panel_closed_stays_closed(work: Page) -> None:
    expect(work.locator("#panel")).to_be_visible()
    work.locator("[data-toggle=panel]").click()
    expect(work.locator("#panel")).to_be_hidden()
    work.reload()
    expect(work.locator("#panel")).to_be_hidden()


def test_a_disabled_button_that_says_why_does_nothing(page: Page) -> None:
    page.evaluate(
        "document.body.addEventListener('click', event => { window.heard = event.target.closest('[aria-disabled]') !== null })"
    )
    button = page.locator("[aria-describedby=why-not]")
    button.focus()
    expect(button).to_be_focused()
    button.dispatch_event("click")
    assert page.evaluate("window.heard") is None


# --- Unsaved changes ---------------------------------------------------------------------------------------------


def asks_before_leaving(page: Page) -> bool:
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.reload()
    return asked == ["beforeunload"]


def test_leaving_a_changed_form_asks(page: Page) -> None:
    page.locator("#id_name").fill("Bygglov")
    expect(page.locator("form[data-guard] .unsaved")).to_be_visible()
    assert asks_before_leaving(page)


def test_leaving_a_form_changed_back_does_not_ask(page: Page) -> None:
    page.locator("#id_name").fill("Bygglov")
    page.locator("#id_name").fill("Jobb")
    expect(page.locator("form[data-guard] .unsaved")).to_be_hidden()
    assert not asks_before_leaving(page)


def test_saving_does_not_ask(page: Page) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator("#id_name").fill("Bygglov")
    page.locator("form[data-guard] button[type=submit]").click()
    expect(page.locator("#toasts .toast")).to_be_visible()
    assert asked == []


# --- Times and live updates --------------------------------------------------------------------------------------


def test_times_go_on_counting_in_the_words_of_the_page(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(f"{url}/components/")
    moment = page.locator("time[data-time=relative]").get_by_text("för 4 min sedan").first
    moment.evaluate("element => { element.id = 'watched' }")
    page.clock.run_for(6 * 60_000)
    expect(page.locator("#watched")).to_have_text("för 10 min sedan")


def listening(context: BrowserContext, url: str, answer: Callable[[Route], None]) -> Page:
    """The page of components with a live stream that `answer` plays, and with what it hears in window.heard."""
    page = context.new_page()
    page.clock.install()
    page.route(f"**{STREAM}", answer)

    def with_stream(route: Route) -> None:
        response = route.fetch()
        place = f'<div data-live="{STREAM}" data-live-events="counts"></div></body>'
        route.fulfill(response=response, body=response.text().replace("</body>", place))

    page.route(f"{url}/components/", with_stream)
    page.add_init_script(
        "window.heard = []; addEventListener('DOMContentLoaded', () => { for (const name of ['counts', 'refresh'])"
        " document.body.addEventListener('live:' + name, event => heard.push([name, event.detail])) })"
    )
    page.goto(f"{url}/components/")
    return page


def until(page: Page, condition: str, *, clock_ms: int = 0) -> None:
    """Look again and again whether a condition of the page holds; its clock goes on by `clock_ms` between the looks.

    Playwright's wait_for_function looks from inside the page, whose content policy forbids that: only its first look works.
    """
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"never: {condition}"
        page.clock.run_for(clock_ms)
        page.wait_for_timeout(100)


def test_an_event_of_the_stream_reaches_the_page_with_its_data(context: BrowserContext, url: str) -> None:
    def answer(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body='event: counts\ndata: {"inbox": 4}\n\n')

    page = listening(context, url, answer)
    until(page, "heard.length")
    assert page.evaluate("heard[0]") == ["counts", {"inbox": 4}]


def test_after_an_interruption_the_page_asks_for_what_it_missed(context: BrowserContext, url: str) -> None:
    def answer(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body=": hello\n\n")

    page = listening(context, url, answer)
    until(page, "document.documentElement.dataset.live === 'connected'")
    assert page.evaluate("heard.length") == 0
    until(page, "heard.some(([name]) => name === 'refresh')", clock_ms=1000)


def test_without_a_stream_the_page_fetches_by_itself_and_says_so(context: BrowserContext, url: str) -> None:
    page = listening(context, url, lambda route: route.fulfill(status=503))
    until(page, "document.documentElement.dataset.live === 'polling'", clock_ms=2000)
    assert page.evaluate("heard.length") <= 1
    page.clock.run_for(21_000)
    until(page, "heard.some(([name]) => name === 'refresh')")
