"""Pictures in the text of a mail."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conversations import pictures
from conversations.models import Message
from conversations.outgoing_files import TooLarge
from forwarding.reading.mail import ReadMail
from tests.conversations.composer.writing import CECILIA, on_the_wire, rewrite, send
from tests.support import builders

pytestmark = pytest.mark.django_db

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc0000001249444154789c6360f8cf"
    "8015c3c4280000ae8a0ffb33c2a30000000049454e44ae426082"
)


def picture(name: str = "karta.png", content: bytes = PNG) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def shown_in(read: ReadMail) -> list[str]:
    """Content-IDs in the order in which the HTML shows them."""
    return re.findall(r'<img src="cid:([^"]+)"', read.html)


def test_a_picture_stands_where_the_text_names_it(conversation, town) -> None:
    text = "Hit:\n[karta.png: Vägen till <badet>]\nVälkommen! [ingen.png]"
    message = send(conversation, town, text=text, attachments=[picture(), picture("annan.png", PNG + b"x")])
    read = on_the_wire(message)
    [shown] = shown_in(read)
    inline = {a.content_id.strip("<>"): a for a in read.attachments if a.inline}
    assert (inline[shown].name, inline[shown].content) == ("karta.png", PNG)
    assert [a.name for a in read.attachments if not a.inline] == ["annan.png"]
    assert 'alt="Vägen till &lt;badet&gt;"' in read.html
    assert read.html.index("Hit:") < read.html.index("cid:") < read.html.index("Välkommen!")
    assert "[ingen.png]" in read.html
    assert "[karta.png: Vägen till <badet>]" in read.text
    assert b"multipart/related" in bytes(message.outbound.content)
    stored = {a.name: (a.inline, a.content_id) for a in message.attachments.all()}
    assert stored == {"karta.png": (True, shown), "annan.png": (False, "")}


def test_a_sent_picture_is_shown_in_the_conversation(conversation, town, client) -> None:
    send(conversation, town, text="Hit: [karta.png]", attachments=[picture()])
    client.force_login(town.agent)
    page = client.get(reverse("conversations:conversation", args=[town.organization.slug, conversation.number]))
    [frame] = re.findall(r'class="message-frame"[^>]* src="([^"]+)"', page.content.decode())
    framed = client.get(frame).content.decode()
    [image] = re.findall(r'<img src="([^"]+)" alt="karta.png"', framed)
    answer = client.get(image)
    assert (answer.headers["Content-Type"], answer.content) == ("image/png", PNG)


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"<svg/>", b""])
def test_a_file_that_is_no_picture_is_only_attached(conversation, town, content: bytes) -> None:
    read = on_the_wire(send(conversation, town, text="[karta.png]", attachments=[picture(content=content)]))
    assert shown_in(read) == []
    assert [(a.name, a.inline) for a in read.attachments] == [("karta.png", False)]


def test_a_picture_too_large_for_the_text_is_refused_with_the_limit(conversation, town, settings) -> None:
    settings.INLINE_PICTURE_OCTETS = len(PNG) - 1
    with pytest.raises(TooLarge, match=r"karta\.png"):
        send(conversation, town, text="[karta.png]", attachments=[picture()])
    send(conversation, town, text="Se karta.png", attachments=[picture()])


@pytest.mark.parametrize(
    ("text", "placed"), [("Se bilden:\n[cid:bild1@barry]\nTack", "at its place"), ("Hej", "below")]
)
@pytest.mark.parametrize("action", ["reply", "forward"])
def test_pictures_of_the_quoted_mail_keep_their_content_id(conversation, town, text, placed, action) -> None:
    rewrite(conversation, text=text)
    original = Message.objects.get(conversation=conversation, kind="inbound")
    kept = builders.attached(original, "bild.png", PNG, "image/png", content_id="<bild1@barry>")
    files = [kept] if action == "forward" else []
    message = send(conversation, town, action=action, text="Se nedan", attachments=files, to=[CECILIA])
    read = on_the_wire(message)
    assert shown_in(read) == ["bild1@barry"]
    assert [(a.content_id.strip("<>"), a.content) for a in read.attachments] == [("bild1@barry", PNG)]
    assert (read.html.index("cid:bild1") < read.html.rindex("Tack")) if placed == "at its place" else True
    assert message.attachments.count() == (action == "forward")


def test_quoted_pictures_beyond_their_limit_and_without_history_are_left_out(conversation, town, settings) -> None:
    original = Message.objects.get(conversation=conversation, kind="inbound")
    builders.attached(original, "bild.png", PNG, "image/png", content_id="<bild1@barry>")
    assert on_the_wire(send(conversation, town, include_history=False)).attachments == ()
    settings.QUOTED_PICTURES_OCTETS = len(PNG) - 1
    assert on_the_wire(send(conversation, town, include_history=True)).attachments == ()


def test_a_picture_that_nobody_attached_is_asked_about() -> None:
    assert pictures.lost("[karta.png: vägen] [1] [se bilaga.pdf] [b.JPG]", ["b.JPG"]) == ["karta.png"]
