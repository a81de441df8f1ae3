"""The dashboard in a browser: live mail, the keyboard, hostile mail, small screens, and no JavaScript at all."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as configured
from django.utils import timezone
from playwright.sync_api import Browser, Error, Frame, Page, Route, expect

from conversations import timeline
from conversations.models import Contact, Conversation, Draft, Message
from conversations.sanitising import SanitisedHtml
from conversations.views import content
from inboxes.models import Inbox
from organizations import scope
from organizations.models import User
from tests.conversations.conftest import signed_in
from tests.conversations.hostile_html import HOSTILE
from tests.support import builders
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PATIENCE_MS = 15_000
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc0000001249444154789c6360f8cf"
    "8015c3c4280000ae8a0ffb33c2a30000000049454e44ae426082"
)


@pytest.fixture
def town(town: Town) -> Town:
    receive(town)
    return town


@pytest.fixture
def at_work(page: Page, served: str, town: Town) -> Iterator[Page]:
    """A page of the town's agent, not opened yet; closed before the server, which would wait for its event stream."""
    yield working(page, served, town.agent)
    page.context.close()


def working(page: Page, served: str, user: User) -> Page:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    cookie = signed_in(user).cookies["session"].value
    page.context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": cookie, "url": served}])
    return page


def receive(town: Town, subject: str = "Fråga om jobbet", **named: Any) -> Message:
    with scope.organization(town.organization):
        Inbox.objects.update(last_received_at=timezone.now())
        return builders.received(town.inbox, subject, **named)


def open_list(page: Page, served: str, town: Town, name: str = "activity") -> None:
    page.goto(f"{served}/{town.organization.slug}/list/{name}/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()


def open_conversation(page: Page, served: str, town: Town, number: int = 1) -> None:
    page.goto(f"{served}/{town.organization.slug}/conversations/{number}/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()


def status(town: Town, number: int = 1) -> str:
    with scope.organization(town.organization):
        return Conversation.objects.get(number=number).status


# --- Live ------------------------------------------------------------------------------------------------------------


def test_a_new_mail_slides_into_the_open_list_and_the_count_follows(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town)
    at_work.evaluate("window.notReloaded = true")
    unanswered = at_work.locator(".rail-link[title=Obesvarade]")
    expect(unanswered).to_contain_text("1")
    receive(town, "Nyss inkommet")
    expect(at_work.locator("#rows .row").first).to_contain_text("Nyss inkommet")
    expect(unanswered).to_contain_text("2")
    assert at_work.evaluate("window.notReloaded") is True


def test_a_list_that_is_being_read_does_not_jump_but_tells_how_many_are_new(
    at_work: Page, served: str, town: Town
) -> None:
    for number in range(20):
        receive(town, f"Mail {number}")
    open_list(at_work, served, town)
    at_work.evaluate("document.getElementById('list-scroll').scrollTop = 300")
    receive(town, "Nyss inkommet")
    button = at_work.get_by_role("button", name="1 ny konversation")
    expect(button).to_be_visible()
    assert at_work.evaluate("document.getElementById('list-scroll').scrollTop") == 300
    button.click()
    expect(at_work.locator("#rows .row").first).to_contain_text("Nyss inkommet")


def test_a_row_that_is_chosen_stays_chosen_when_news_comes(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town)
    at_work.get_by_role("checkbox", name="Fråga om jobbet").check()
    expect(at_work.get_by_role("group", name="Hantera flera")).to_be_visible()
    receive(town, "Nyss inkommet")
    expect(at_work.get_by_role("button", name="1 ny konversation")).to_be_visible()
    expect(at_work.get_by_role("checkbox", name="Fråga om jobbet")).to_be_checked()


def test_a_mail_in_the_open_conversation_comes_below_and_leaves_the_draft_alone(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        conversation = Conversation.objects.get()
    for number in range(8):
        receive(town, text=f"Mail {number}\n\n" * 10, conversation=conversation)
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Mitt svar")
    before = at_work.evaluate("document.getElementById('thread-scroll').scrollTop")
    receive(town, text="Det här kom sist", conversation=conversation)
    expect(at_work.locator("#thread > li").last).to_contain_text("Det här kom sist")
    expect(at_work.locator(".thread-new")).to_contain_text("Nytt")
    assert at_work.evaluate("document.getElementById('thread-scroll').scrollTop") == before
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Mitt svar")


def test_an_answer_to_a_mail_that_was_not_seen_is_stopped_and_to_one_that_was_seen_is_not(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        conversation = Conversation.objects.get()
    receive(town, text="rad\n" * 200, conversation=conversation)
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Mitt svar")
    receive(town, text="Glöm det jag skrev", conversation=conversation)
    expect(at_work.locator(".thread-new")).to_be_attached()
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Något har hänt sedan du började skriva")).to_be_visible()
    assert status(town) == "unanswered"
    at_work.locator("#thread > li").last.scroll_into_view_if_needed()
    expect(at_work.locator("#composer-form [name=version]")).to_have_value("4")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert status(town) == "answered"


def test_a_row_marked_as_done_leaves_the_list_and_nothing_else_happens(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    address = at_work.url
    at_work.locator("#row-1").hover()
    at_work.locator("#row-1").get_by_role("button", name="Klart").click()
    expect(at_work.get_by_text("#1 är klart.")).to_be_visible()
    expect(at_work.locator("#row-1")).to_have_count(0)
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_visible()
    assert at_work.url == address
    assert status(town) == "done"


# --- Keyboard --------------------------------------------------------------------------------------------------------


def test_a_mail_is_found_answered_and_taken_back_by_keyboard_alone(
    at_work: Page, served: str, town: Town, settings: Any
) -> None:
    settings.UNDO_SEND_SECONDS = 60  # a busy machine may take more than ten to show the next page
    open_list(at_work, served, town, "unanswered")
    keys = at_work.keyboard
    keys.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    keys.press("Enter")
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    keys.press("r")
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_be_focused()
    keys.type("Hej Barry!")
    keys.press("Control+Enter")
    expect(at_work.get_by_text(re.compile(r"Mailet skickas om \d+ sekunder"))).to_be_visible()
    at_work.locator(".toast-undo").focus()
    keys.press("Enter")
    expect(at_work.get_by_text("Mailet skickades inte.")).to_be_visible()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Hej Barry!")


def test_the_key_for_done_on_a_row_leads_to_the_next_row(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    at_work.keyboard.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_focused()
    assert (status(town, 1), status(town, 2)) == ("done", "unanswered")
    expect(at_work.locator("#row-1")).to_have_count(0)
    at_work.keyboard.press("e")
    expect(at_work.locator("#list")).to_be_focused()
    assert status(town, 2) == "done"


def test_news_during_the_act_of_a_row_do_not_swallow_its_answer(at_work: Page, served: str, town: Town) -> None:
    open_list(at_work, served, town, "unanswered")
    at_work.keyboard.press("j")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    at_work.route("**/status/", hold)
    with at_work.expect_request("**/status/"):
        at_work.keyboard.press("e")
    expect(at_work.locator("#row-1 .htmx-request")).to_have_count(1)
    # A row that differs from the server's is replaced by news.
    at_work.evaluate("document.getElementById('row-1').dataset.old = 'yes'")
    with at_work.expect_response("**/list/unanswered/**"):
        at_work.evaluate("document.body.dispatchEvent(new CustomEvent('live:refresh'))")
    at_work.wait_for_timeout(100)
    held[0].continue_()
    expect(at_work.locator("#list")).to_be_focused()
    assert status(town, 1) == "done"


def test_the_key_for_done_in_a_conversation_leads_to_the_next_and_then_to_the_list(
    at_work: Page, served: str, town: Town
) -> None:
    receive(town, "Nästa")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    expect(at_work.locator("#conversation")).to_be_focused()
    at_work.keyboard.press("e")
    expect(at_work.get_by_role("heading", level=1, name="Obesvarade")).to_be_visible()
    expect(at_work.locator("#list")).to_be_focused()
    assert (status(town, 1), status(town, 2)) == ("done", "done")


def folder(town: Town, number: int = 1) -> str:
    with scope.organization(town.organization):
        return Conversation.objects.get(number=number).folder


def test_the_key_for_spam_on_a_row_can_be_undone_and_the_row_comes_back(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Står kvar")
    open_list(at_work, served, town, "unanswered")
    rail = at_work.locator(".rail-link[title=Skräppost]")
    expect(rail).to_have_count(0)
    at_work.keyboard.press("j")
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("link", name="Står kvar")).to_be_focused()
    expect(at_work.locator("#row-1")).to_have_count(0)
    expect(rail).to_have_count(1)
    assert (folder(town, 1), folder(town, 2)) == ("spam", "")
    at_work.locator(".toast-undo").click()
    expect(at_work.locator("#row-1")).to_have_count(1)
    expect(rail).to_have_count(0)
    assert folder(town) == ""


def test_the_key_for_spam_in_a_conversation_goes_on_and_the_same_key_takes_it_back(
    at_work: Page, served: str, town: Town
) -> None:
    receive(town, "Nästa")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    expect(at_work.get_by_text("#1 ligger nu i Skräppost.")).to_be_visible()
    assert folder(town) == "spam"
    at_work.locator(".toast-undo").click()
    expect(at_work.get_by_text("#1 är inte längre skräppost.")).to_be_visible()
    assert folder(town) == ""
    open_list(at_work, served, town, "unanswered")
    open_conversation(at_work, served, town)
    at_work.keyboard.press("s")
    expect(at_work.get_by_role("heading", level=1, name="Nästa")).to_be_visible()
    open_list(at_work, served, town, "spam")
    at_work.keyboard.press("j")
    expect(at_work.get_by_role("link", name="Fråga om jobbet")).to_be_focused()
    at_work.keyboard.press("Enter")
    expect(at_work.locator(".conversation-state")).to_contain_text("Skräppost")
    at_work.keyboard.press("s")
    expect(at_work.locator(".conversation-state")).to_contain_text("Obesvarad")
    assert folder(town) == ""


def test_the_bar_of_a_phone_follows_the_conversation(at_work: Page, served: str, town: Town) -> None:
    with scope.organization(town.organization):
        done = timeline.set_status(Conversation.objects.get(), "done", actor=town.agent)
        timeline.mark_spam(done, actor=town.agent)
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_conversation(at_work, served, town)
    bar = at_work.locator("#bottom-bar")
    bar.get_by_role("button", name="Inte skräppost").click()
    expect(bar.get_by_role("button", name="Klart")).to_be_disabled()
    at_work.get_by_role("button", name="Öppna igen").click()
    expect(bar.get_by_role("button", name="Klart")).to_be_enabled()


def test_enter_in_a_field_of_recipients_sends_nothing(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("textbox", name="Till", exact=True).press("Enter")
    at_work.wait_for_timeout(300)
    assert status(town) == "unanswered"


@pytest.mark.parametrize(("key", "expected"), [("e", "done"), ("w", "waiting")])
def test_a_key_sets_the_state(at_work: Page, served: str, town: Town, key: str, expected: str) -> None:
    open_conversation(at_work, served, town)
    with at_work.expect_response(re.compile("/status/")):
        at_work.keyboard.press(key)
    assert status(town) == expected


def test_the_keys_can_be_seen(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.keyboard.press("?")
    sheet = at_work.get_by_role("dialog")
    for words in ("Svara", "Klart", "Vänta", "Tilldela mig", "Sök"):
        expect(sheet.get_by_text(words, exact=True)).to_be_visible()


# --- The composer ----------------------------------------------------------------------------------------------------


def test_what_is_written_is_saved_without_being_asked(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").press_sequentially("Ett halvt svar")
    expect(at_work.locator("#composer-saved")).to_have_text(re.compile(r"Sparat \d\d:\d\d"))
    at_work.reload()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Ett halvt svar")


def test_the_button_follows_what_is_typed_in_the_fields(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").click()
    field = at_work.get_by_role("textbox", name="Till", exact=True)
    field.fill('"Åkesson, Eva" <eva@example.org>, ove@example.org, halv@')
    expect(at_work.locator("[data-send-label]")).to_have_text("Skicka till Åkesson, +1")
    field.fill("")
    expect(at_work.locator("[data-send-label]")).to_have_text("Skicka")


def test_files_over_the_limit_are_refused_at_once(at_work: Page, served: str, town: Town, settings: Any) -> None:
    settings.ATTACHMENT_UPLOAD_OCTETS = 2000
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").click()
    chosen = at_work.locator("#composer-attachments")
    chosen.set_input_files([{"name": "stor.pdf", "mimeType": "application/pdf", "buffer": b"x" * 3000}])
    expect(at_work.get_by_text("För stort: ett mail rymmer")).to_be_visible()
    expect(at_work.locator("[data-send]")).to_be_disabled()
    chosen.set_input_files([{"name": "liten.pdf", "mimeType": "application/pdf", "buffer": b"x" * 300}])
    expect(at_work.locator("[data-send]")).to_be_enabled()


@pytest.mark.parametrize(
    ("choice", "draft", "mails_sent"),
    [("Spara utkastet", "Halvt", 0), ("Kasta det", None, 0), ("Skicka och Klart", None, 1)],
)
def test_done_with_an_answer_that_was_not_sent_asks_what_to_do_with_it(
    at_work: Page, served: str, town: Town, choice: str, draft: str | None, mails_sent: int
) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Halvt")
    at_work.get_by_role("button", name="Klart", exact=True).last.click()
    dialog = at_work.get_by_role("dialog", name="Ditt svar är inte skickat")
    expect(dialog).to_be_visible()
    assert status(town) == "unanswered"
    with at_work.expect_navigation():
        dialog.get_by_role("button", name=choice).click()
    assert status(town) == "done"
    with scope.organization(town.organization):
        assert Draft.objects.values_list("text", flat=True).first() == draft
        assert Message.objects.filter(kind="outbound").count() == mails_sent


@pytest.mark.parametrize(("choice", "expected"), [("Skicka och Klart", "done"), ("Skicka och vänta", "waiting")])
def test_the_send_menu_sends_and_sets_the_state(
    at_work: Page, served: str, town: Town, choice: str, expected: str
) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Fler sätt att skicka").click()
    with at_work.expect_navigation():
        at_work.get_by_role("button", name=choice).click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert status(town) == expected


def test_a_mail_is_sent_at_a_chosen_time_from_the_menu(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Fler sätt att skicka").click()
    at_work.get_by_role("button", name="Skicka senare…").click()
    dialog = at_work.get_by_role("dialog", name="Skicka senare")
    moment = timezone.localtime() + timedelta(days=3)
    dialog.get_by_label("Dag och tid").fill(f"{moment:%Y-%m-%dT%H:%M}")
    assert Axe().run(at_work).generate_report().startswith("Found 0 ")
    with at_work.expect_navigation():
        dialog.get_by_role("button", name="Skicka då").click()
    expect(at_work.get_by_role("button", name="Skicka inte")).to_be_visible()
    with scope.organization(town.organization):
        mail = Message.objects.select_related("outbound").get(kind="outbound").outbound
    assert mail is not None
    assert f"{timezone.localtime(mail.not_before):%Y-%m-%dT%H:%M}" == f"{moment:%Y-%m-%dT%H:%M}"


def test_a_recipient_that_bounced_is_asked_about_and_sent_to_all_the_same(
    at_work: Page, served: str, town: Town
) -> None:
    with scope.organization(town.organization):
        Contact.objects.update(undeliverable_since=timezone.now())
    open_conversation(at_work, served, town)
    at_work.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Titta en gång till innan mailet skickas")).to_be_visible()
    with at_work.expect_navigation():
        at_work.get_by_role("button", name="Skicka ändå").click()
    with scope.organization(town.organization):
        assert Message.objects.filter(kind="outbound").count() == 1


def test_a_colleague_is_chosen_in_the_menu(at_work: Page, served: str, town: Town) -> None:
    open_conversation(at_work, served, town)
    at_work.get_by_role("button", name="Otilldelad").click()
    at_work.get_by_role("button", name="Lillestad Admin").click()
    expect(at_work.locator("[popovertarget=assign-menu]")).to_have_text("Lillestad Admin")
    with scope.organization(town.organization):
        assert Conversation.objects.get().assignee == town.admin


# --- Hostile mail ----------------------------------------------------------------------------------------------------


LAST = "/last"
STUCK_SECONDS = 3.0
MANY_FRAMES_SECONDS = 60.0  # a hundred mails in one conversation, on a machine that may be busy


@dataclass
class Beacon:
    """A server that hostile mail would like to ask for something: what it was asked, and the pages it gives."""

    asked: list[str] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    address: str = ""

    def aimed(self, vectors: list[str]) -> list[str]:
        """The vectors with an address each at this server: one that was asked for before may be cached."""
        return [
            html.replace("127.0.0.1:9", self.address).replace("/beacon", f"/{place}")
            for place, html in enumerate(vectors)
        ]


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    made = Beacon()

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = made.pages.get(self.path)
            if page is None and self.path != "/favicon.ico":
                made.asked.append(self.path)
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "nothing here").encode())

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        made.address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def mails(town: Town, bodies: list[str]) -> int:
    """A conversation with a mail for each of some bodies; gives its number."""
    first = receive(town, "Ont", html=bodies[0])
    for body in bodies[1:]:
        receive(town, "Ont", html=body, conversation=first.conversation)
    return first.conversation.number


def state(frame: Frame) -> tuple[str, str]:
    """How far a frame has been read, and what a payload in it has left. A frame on its way elsewhere says nothing."""
    try:
        return frame.evaluate("[document.readyState, document.documentElement.dataset.ran || '']")
    except Error:
        return "", ""


def read_to_the_end(page: Page, beacon: Beacon, frames: Callable[[], list[Frame]], wanted: int) -> dict[str, str]:
    """Wait until all wanted frames have loaded whatever they may, then ask the beacon for something that is allowed.

    What hostile mail asked for came before that. A frame whose mail tried to lead it elsewhere, in vain, can stay
    "interactive" for ever: it is parsed to its end and has asked for all it wants. Gives what payloads left, by the frame's address.
    """
    deadline, since = time.monotonic() + MANY_FRAMES_SECONDS, None
    while True:
        states = [(frame.url, *state(frame)) for frame in frames()]
        found = {read for _url, read, _ran in states}
        parsed = len(states) == wanted and found <= {"interactive", "complete"}
        since = (since or time.monotonic()) if parsed else None
        if since and (found == {"complete"} or time.monotonic() > since + STUCK_SECONDS):
            break
        assert time.monotonic() < deadline, [each for each in states if each[1] != "complete"] or len(states)
        page.wait_for_timeout(50)
    last = page.context.new_page()
    last.goto(f"http://{beacon.address}{LAST}")
    last.close()
    return {url: ran for url, _read, ran in states}


def look_at_all_messages(page: Page, served: str, town: Town, beacon: Beacon, number: int) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(f"{served}/{town.organization.slug}/conversations/{number}/?all=1", wait_until="commit")

    def mail_frames() -> list[Frame]:
        return [frame for frame in page.frames if "/content/m/" in frame.url]

    ran = read_to_the_end(page, beacon, mail_frames, len(HOSTILE))
    assert set(ran.values()) == {""}
    assert state(page.main_frame)[1] == ""
    assert beacon.asked == [LAST]


def test_hostile_mail_runs_nothing_and_loads_nothing(at_work: Page, served: str, town: Town, beacon: Beacon) -> None:
    number = mails(town, beacon.aimed(HOSTILE))
    look_at_all_messages(at_work, served, town, beacon, number)


def test_the_frame_alone_holds_even_without_sanitising(
    at_work: Page, served: str, town: Town, beacon: Beacon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "sanitise", lambda html, images: SanitisedHtml(html, 0))
    number = mails(town, beacon.aimed(HOSTILE))
    look_at_all_messages(at_work, served, town, beacon, number)


def test_the_hostile_mail_of_these_tests_does_run_and_load_where_nothing_holds_it(page: Page, beacon: Beacon) -> None:
    beacon.pages = {f"/page/{place}": f"<!doctype html>{html}" for place, html in enumerate(beacon.aimed(HOSTILE))}
    # Each in a frame of its own: one that goes elsewhere takes no other along.
    beacon.pages["/all"] = "<!doctype html>" + "".join(f"<iframe src='{path}'></iframe>" for path in beacon.pages)
    page.goto(f"http://{beacon.address}/all", wait_until="commit")
    ran = read_to_the_end(page, beacon, lambda: page.main_frame.child_frames, len(HOSTILE))
    assert sum(each == "yes" for each in ran.values()) >= 10
    assert len(set(beacon.asked)) >= 15


def test_a_picture_of_the_mail_itself_is_seen(at_work: Page, served: str, town: Town) -> None:
    message = receive(town, "Med bild", html='<p>Se:</p><img src="cid:bild" alt="Bild">')
    with scope.organization(town.organization):
        builders.attached(message, "bild.png", PNG, "image/png", content_id="bild")
    with at_work.expect_event("requestfinished", lambda request: "/content/i/" in request.url):
        open_conversation(at_work, served, town, 2)
    assert at_work.frames[1].evaluate("document.images[0].naturalWidth") == 8


def as_text(html: str) -> str:
    """What the reader makes of it: paragraphs with an empty line between, lines where there are breaks."""
    lines = html.replace("<br>", "\n").replace("</p></div>", "\n").replace("</p>", "\n\n")
    return re.sub("<[^>]+>", "", lines).strip()


LINES = "<p>Hej,</p><p>Här är en rad.</p><p>Mvh<br>Samira</p>"
LONG = "<p>" + "Kommunen vill gärna veta hur ni tänker er saken, för det har betydelse. " * 40 + "</p>"
HIDDEN = f"{LINES}<p><img src='https://example.org/logo.png' alt='Logotyp'></p>{LINES}"
OUTLOOK = "".join(f"<div><p style='margin:0'>Rad {number}</p></div>" for number in range(30))


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("html", [LINES, LONG, OUTLOOK, HIDDEN])
def test_a_frame_is_about_as_high_as_its_mail(at_work: Page, served: str, town: Town, html: str, width: int) -> None:
    receive(town, "Med HTML", html=html, text=as_text(html))
    at_work.set_viewport_size({"width": width, "height": 900})
    open_conversation(at_work, served, town, 2)
    frame = at_work.locator(".message-frame")
    expect(frame).to_have_attribute("data-fitted", re.compile(r"\d+"))
    shown = frame.bounding_box()
    mail = at_work.frames[1].evaluate("document.body.getBoundingClientRect().height")
    assert shown is not None
    # Nothing hidden but the last margin, and at most some empty lines.
    assert mail - 16 <= shown["height"] <= max(96, mail * 1.15) + 45


def test_the_end_of_a_thread_stays_in_sight_when_the_composer_opens(at_work: Page, served: str, town: Town) -> None:
    with scope.organization(town.organization):
        conversation = Conversation.objects.get()
    for number in range(6):
        receive(town, text=f"Mail {number}\n\n" * 3, conversation=conversation)
    open_conversation(at_work, served, town)
    last = at_work.locator("#thread > li").last
    expect(last).to_be_in_viewport(ratio=0.9)
    at_work.get_by_role("textbox", name="Meddelande").click()
    expect(at_work.locator("[data-send]")).to_be_visible()
    expect(last).to_be_in_viewport(ratio=0.9)


def test_a_frame_follows_the_window(at_work: Page, served: str, town: Town) -> None:
    receive(town, "Med HTML", html=LONG, text=as_text(LONG))
    open_conversation(at_work, served, town, 2)
    frame = at_work.locator(".message-frame")
    wide = frame.bounding_box()
    at_work.set_viewport_size({"width": 390, "height": 900})
    expect(frame).to_have_attribute("data-fitted", re.compile("^3"))
    narrow = frame.bounding_box()
    assert wide is not None
    assert narrow is not None
    assert narrow["height"] > wide["height"] * 1.4


# --- Small, without JavaScript, and for everybody ---------------------------------------------------------------------


def test_a_phone_shows_one_pane_at_a_time(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_list(at_work, served, town)
    at_work.get_by_role("link", name="Fråga om jobbet").click()
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    expect(at_work.locator("#rows")).to_be_hidden()
    assert at_work.evaluate("document.documentElement.scrollWidth") == 390
    at_work.get_by_role("link", name="Tillbaka till Senaste aktivitet").click()
    expect(at_work.locator("#rows")).to_be_visible()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_be_hidden()


def test_a_conversation_opened_on_a_phone_brings_its_acts(at_work: Page, served: str, town: Town) -> None:
    at_work.set_viewport_size({"width": 390, "height": 844})
    open_list(at_work, served, town)
    at_work.get_by_role("link", name="Fråga om jobbet").click()
    acts = at_work.locator(".bottom-bar")
    expect(acts.get_by_role("button", name="Svara")).to_be_visible()
    acts.get_by_role("button", name="Klart").click()
    expect(at_work.locator(".toast")).to_contain_text("klart")
    assert status(town) == "done"


def test_without_javascript_a_mail_can_be_read_answered_and_marked(browser: Browser, served: str, town: Town) -> None:
    context = browser.new_context(java_script_enabled=False, locale="sv")
    page = working(context.new_page(), served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/")
    page.get_by_role("link", name="Fråga om jobbet").click()
    page.get_by_role("button", name="Intern kommentar").click()
    page.get_by_role("textbox", name="Intern kommentar").fill("Ring honom.")
    page.get_by_role("button", name="Spara intern kommentar").click()
    expect(page.get_by_text("Ring honom.")).to_be_visible()
    page.get_by_role("textbox", name="Meddelande").fill("Hej Barry!")
    page.get_by_role("button", name="Skicka till Barry").click()
    expect(page.get_by_text("Skickas om några sekunder")).to_be_visible()
    assert status(town) == "answered"
    page.get_by_role("button", name="Klart").first.click()
    assert status(town) == "done"
    context.close()


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_wrong(at_work: Page, served: str, town: Town, language: str, scheme: Any) -> None:
    User.objects.update(language=language)
    message = receive(town, "Med fil", html="<p>Hej</p>")
    with scope.organization(town.organization):
        builders.attached(message, "plan.pdf", b"%PDF")
        Message.objects.filter(pk=message.pk).update(authenticity="warning", authenticity_reason="own_domain")
        Conversation.objects.filter(number=1).update(unanswered_since=timezone.now() - timedelta(days=2))
    at_work.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    slug = town.organization.slug
    for path in (
        "",
        "list/done/",
        "search/?q=hockey",
        "conversations/2/?compose=reply",
        "conversations/2/?compose=note",
    ):
        at_work.goto(f"{served}/{slug}/{path}")
        found = Axe().run(at_work)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
