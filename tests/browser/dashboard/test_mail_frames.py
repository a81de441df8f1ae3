"""The frames that hold mail: hostile mail runs nothing and loads nothing, and a frame fits its mail."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, Frame, Page, expect

from conversations.models import Conversation
from conversations.sanitising import SanitisedHtml
from conversations.views import content
from organizations import scope
from tests.browser.dashboard.pages import open_conversation, receive
from tests.conversations.hostile_html import HOSTILE
from tests.support import builders
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc0000001249444154789c6360f8cf"
    "8015c3c4280000ae8a0ffb33c2a30000000049454e44ae426082"
)


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
