"""The composer in a browser while everything else on the page moves: no press and no letter is lost."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, Route, expect

from conversations import live
from conversations.models import Conversation, Draft, DraftFile, Message
from organizations import scope
from tests.support import builders
from tests.support.browsing import be_patient, log_in
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = "Hej Barry! Ja, jobbet är ledigt och du kan börja på måndag klockan åtta."


@pytest.fixture
def town(town: Town) -> Town:
    receive(town)
    return town


@pytest.fixture
def at_work(page: Page, served: str, town: Town) -> Page:
    """The town's agent with the only conversation open, and a watch over scripts that fail."""
    be_patient(page)
    log_in(page, served, town.agent)
    page.goto(f"{served}/{town.organization.slug}/conversations/1/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()
    return page


def receive(town: Town, **named: Any) -> Message:
    with scope.organization(town.organization):
        return builders.received(town.inbox, **named)


def sent(town: Town) -> list[str]:
    with scope.organization(town.organization):
        return list(Message.objects.filter(kind="outbound").values_list("text", flat=True))


def drafts(town: Town) -> list[str]:
    with scope.organization(town.organization):
        return list(Draft.objects.values_list("text", flat=True))


@contextmanager
def busy(town: Town) -> Iterator[None]:
    """Colleagues and relays at work: news about the conversation every few hundredths of a second."""
    over = threading.Event()

    def tell() -> None:
        try:
            while not over.wait(0.03):
                with scope.organization(town.organization):
                    live.announce(Conversation.objects.get(number=1), "delivery")
        finally:
            connection.close()

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def press_slowly(page: Page, name: str, seconds: float = 0.6) -> None:
    box = page.get_by_role("button", name=name).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    time.sleep(seconds)
    page.mouse.up()


def test_no_letter_and_no_press_is_lost_among_live_news(at_work: Page, town: Town) -> None:
    with busy(town):
        at_work.get_by_role("textbox", name="Meddelande").click()
        at_work.keyboard.type(TEXT, delay=15)
        expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value(TEXT)
        press_slowly(at_work, "Skicka till Barry")
        expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    [text] = sent(town)
    assert text.startswith(TEXT)


def test_a_row_that_changes_while_it_is_pressed_is_opened(at_work: Page, served: str, town: Town) -> None:
    at_work.goto(f"{served}/{town.organization.slug}/list/activity/")
    expect(at_work.locator("html[data-live=connected]")).to_be_attached()
    link = at_work.get_by_role("link", name="Fråga om jobbet")
    link.hover()
    at_work.mouse.down()
    with scope.organization(town.organization):
        conversation = Conversation.objects.get(number=1)
    receive(town, text="Jag glömde en sak", conversation=conversation)
    time.sleep(1)
    expect(at_work.locator("#rows")).not_to_contain_text("Jag glömde en sak")
    at_work.mouse.up()
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    expect(at_work.locator("#rows")).to_contain_text("Jag glömde en sak")


def test_what_is_written_while_the_mode_changes_and_the_chosen_files_come_along(
    at_work: Page, town: Town, tmp_path: Path
) -> None:
    (tmp_path / "karta.txt").write_text("norr är upp")

    def slowly(route: Route) -> None:
        time.sleep(0.7)
        route.continue_()

    at_work.route("**/compose/", slowly)
    field = at_work.get_by_role("textbox", name="Meddelande")
    field.fill("Se nedan.")
    at_work.locator("#composer-attachments").set_input_files(tmp_path / "karta.txt")
    at_work.get_by_role("button", name="Vidarebefordra").click()
    field.press_sequentially(" Kan du svara?", delay=10)
    expect(at_work.locator("#composer-form [name=mode]")).to_have_value("forward")
    expect(field).to_have_value("Se nedan. Kan du svara?")
    expect(at_work.locator("#composer-files")).to_contain_text("karta.txt")
    at_work.get_by_role("textbox", name="Till", exact=True).fill("anna@example.org")
    at_work.get_by_role("button", name="Skicka till anna@example.org").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    [text] = sent(town)
    assert text.startswith("Se nedan. Kan du svara?")
    with scope.organization(town.organization):
        assert [file.name for file in Message.objects.get(kind="outbound").attachments.all()] == ["karta.txt"]


def test_a_draft_that_is_saved_late_does_not_come_back_after_the_mail_was_sent(at_work: Page, town: Town) -> None:
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    at_work.route("**/draft/", keep)
    at_work.get_by_role("textbox", name="Meddelande").fill(TEXT)
    # Moving to the button saves what was written; the network keeps that until the mail is on its way.
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert late
    request = late[0].request
    answer = at_work.request.post(
        request.url, data=request.post_data_buffer, headers={"content-type": request.headers["content-type"]}
    )
    assert answer.ok
    assert len(sent(town)) == 1
    assert drafts(town) == []


def test_writing_that_began_before_the_conversation_settled_goes_on(at_work: Page, served: str, town: Town) -> None:
    """The page gives the conversation the focus when it has opened; not when somebody writes in it already."""
    at_work.goto(f"{served}/{town.organization.slug}/list/activity/")
    at_work.evaluate(
        """document.body.addEventListener("htmx:afterSwap", () => document.getElementById("composer-text").focus())"""
    )
    at_work.get_by_role("link", name="Fråga om jobbet").click()
    expect(at_work.get_by_role("heading", level=1, name="Fråga om jobbet")).to_be_visible()
    time.sleep(0.3)
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_be_focused()


PASTE = """
async (field) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
  canvas.getContext("2d").fillRect(0, 0, 20, 30);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const data = new DataTransfer();
  data.items.add(new File([blob], "image.png", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}
"""


def test_a_pasted_picture_is_previewed_sent_and_shown_where_it_was_pasted(at_work: Page, town: Town) -> None:
    field = at_work.get_by_role("textbox", name="Meddelande")
    field.fill("Hit ska du: \nVälkommen!")
    field.evaluate("(field) => field.setSelectionRange(12, 12)")
    field.evaluate(PASTE)
    expect(field).to_have_value("Hit ska du: [bild-1.png]\nVälkommen!")
    preview = at_work.locator("#composer-files img")
    expect(preview).to_be_visible()
    assert preview.evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") == 40
    field.evaluate(PASTE)
    expect(field).to_have_value("Hit ska du: [bild-1.png][bild-2.png]\nVälkommen!")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    frame = at_work.frame_locator(".message-outbound .message-frame")
    pictures = frame.get_by_role("img", name="bild-")
    expect(pictures).to_have_count(2)
    for number in range(2):
        assert pictures.nth(number).evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") == 40
    expect(frame.locator("body")).to_contain_text("Välkommen!")
    with scope.organization(town.organization):
        files = Message.objects.get(kind="outbound").attachments.values_list("name", "inline")
        assert set(files) == {("bild-1.png", True), ("bild-2.png", True)}


def test_a_picture_that_is_named_and_not_there_is_asked_about(at_work: Page, town: Town) -> None:
    at_work.get_by_role("textbox", name="Meddelande").fill("Se [karta.png: vägen]")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Bilden karta.png i texten är inte bifogad.")).to_be_visible()
    at_work.get_by_role("button", name="Skicka ändå").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert len(sent(town)) == 1


def files_of(town: Town, kind: str = "draft") -> list[str]:
    with scope.organization(town.organization):
        if kind == "draft":
            return list(DraftFile.objects.order_by("pk").values_list("name", flat=True))
        return [file.name for file in Message.objects.get(kind="outbound").attachments.order_by("position")]


def test_files_chosen_are_there_after_a_reload_and_can_be_taken_away(at_work: Page, town: Town, tmp_path: Path) -> None:
    for name in ("karta.txt", "plan.txt"):
        (tmp_path / name).write_text(f"{name} norr är upp")
    at_work.get_by_role("textbox", name="Meddelande").fill("Se filen.")
    for name in ("karta.txt", "plan.txt"):
        at_work.locator("#composer-attachments").set_input_files(tmp_path / name)
    files = at_work.get_by_role("list", name="Filer i det här mailet")
    expect(files.locator("[name=kept]")).to_have_count(2)
    at_work.reload()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Se filen.")
    expect(files).to_contain_text("karta.txt")
    at_work.get_by_role("button", name="Ta bort karta.txt").click()
    expect(files).not_to_contain_text("karta.txt")
    assert files_of(town) == ["plan.txt"]
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert files_of(town, "sent") == ["plan.txt"]
    assert (files_of(town), drafts(town)) == ([], [])


@pytest.mark.parametrize("place", [".toast", ".message-delivery"])
def test_a_mail_taken_back_while_another_is_begun_leaves_both(at_work: Page, town: Town, place: str) -> None:
    """The second is only on the page when the first is taken back."""
    at_work.get_by_role("textbox", name="Meddelande").fill("Det första.")
    at_work.get_by_role("button", name="Skicka till Barry").click()
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    at_work.get_by_role("textbox", name="Meddelande").fill("Det andra.")
    at_work.locator(place).get_by_role("button", name="Ångra").dispatch_event("click")
    expect(at_work.get_by_text("Du skrev redan ett svar")).to_be_visible()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Det andra.")
    assert sorted(drafts(town)) == ["Det andra.", "Det första."]
    at_work.get_by_role("button", name="Byt till den").click()
    expect(at_work.get_by_role("textbox", name="Meddelande")).to_have_value("Det första.")
    expect(at_work.locator(".composer-other")).to_contain_text("Det andra.")


def test_answering_all_from_a_comment_and_what_is_said_of_recipients(at_work: Page, town: Town) -> None:
    with scope.organization(town.organization):
        Message.objects.update(cc=[{"name": "Eva", "address": "eva@example.org"}])
    at_work.reload()
    at_work.get_by_role("textbox", name="Meddelande").click()
    to = at_work.get_by_role("textbox", name="Till", exact=True)
    expect(at_work.get_by_role("textbox", name="Kopia", exact=True)).to_have_value("Eva <eva@example.org>")
    at_work.get_by_role("button", name="Intern kommentar").click()
    expect(at_work.locator("#composer")).to_have_class(re.compile("is-note"))
    at_work.locator(".message-answers").get_by_role("button", name="Bara avsändaren").click()
    expect(to).to_have_value("Barry Berg <barry@example.org>")
    expect(at_work.get_by_role("button", name="Skicka till Barry", exact=True)).to_be_visible()
    to.fill(f"Barry Berg <barry@example.org>, ny@example.org, {town.admin.email}")
    field = at_work.get_by_role("textbox", name="Meddelande")
    field.fill("Kan du ta den här?")
    expect(at_work.get_by_text("Ny i tråden: ny@example.org")).to_be_visible()
    expect(at_work.locator("#composer-saved")).to_contain_text("Sparat")
    at_work.get_by_role("button", name="Gör till intern kommentar").click()
    expect(at_work.get_by_role("textbox", name="Intern kommentar")).to_have_value("Kan du ta den här?")
    assert drafts(town) == ["Kan du ta den här?"]


def test_a_press_on_send_right_after_the_recipients_is_not_lost(at_work: Page, town: Town) -> None:
    at_work.get_by_role("textbox", name="Meddelande").fill(TEXT)
    at_work.get_by_role("textbox", name="Till", exact=True).fill("ny@example.org")
    press_slowly(at_work, "Skicka till ny@example.org", 0.8)
    expect(at_work.get_by_text("Mailet skickas om")).to_be_visible()
    assert len(sent(town)) == 1
