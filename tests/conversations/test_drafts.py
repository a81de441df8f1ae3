"""Drafts: what comes back of a mail that was taken back, and what one has written that is never overwritten."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from conversations.models import Attachment, Conversation, Draft, Message
from organizations import scope
from tests.conversations.conftest import signed_in
from tests.conversations.test_replying import form, sent, url
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db


def text_file(name: str, content: bytes = b"ett") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/plain")


def page_of(client: Client, town: Town) -> str:
    return client.get(url(town, "conversation", 1)).content.decode()


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def send(client: Client, town: Town, conversation: Conversation, **changes: Any) -> Message:
    answer = client.post(url(town, "reply", 1), form(conversation, **changes))
    assert answer.status_code == 302, answer.content.decode()
    return sent(town)[-1]


def take_back(client: Client, town: Town, message: Message) -> str:
    return client.post(url(town, "undo", 1, message.pk), follow=True).content.decode()


def send_what_the_page_shows(client: Client, town: Town) -> Message:
    """What pressing the page's send button sends."""
    page = page_of(client, town)
    shown = page[page.index('id="composer-form"') : page.index("</form>", page.index('id="composer-form"'))]
    data: dict[str, Any] = {name: value_of(shown, name) for name in ("mode", "submission_key", "version")}
    data |= {name: value_of(shown, name).replace("&lt;", "<").replace("&gt;", ">") for name in ("to", "cc", "subject")}
    written = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown, re.DOTALL)
    assert written is not None
    data["text"] = written[1]
    data["kept"] = re.findall(r'name="kept" value="(\d+)"', shown)
    data["forwarded"] = re.findall(r'name="forwarded" value="(\d+)" checked', shown)
    if re.search(r'name="include_history"\s+checked', shown):
        data["include_history"] = "on"
    answer = client.post(url(town, "reply", 1), data)
    assert answer.status_code == 302, answer.content.decode()
    return sent(town)[-1]


def names(town: Town, message: Message) -> list[tuple[str, bytes]]:
    with scope.organization(town.organization):
        files = Attachment.objects.filter(message=message).select_related("blob").order_by("position")
        return [(file.name, bytes(file.blob.content)) for file in files]


# --- A mail taken back -----------------------------------------------------------------------------------------------


def test_a_mail_taken_back_can_be_sent_again_as_it_was(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    first = send(
        agent, lillestad, conversation, subject="Annat ämne", cc="eva@example.org", include_history="",
        attachments=[text_file("a.txt"), text_file("b.txt", b"tva")],
    )  # fmt: skip
    page = take_back(agent, lillestad, first)
    assert "a.txt" in page
    again = send_what_the_page_shows(agent, lillestad)
    assert again.pk != first.pk
    assert names(lillestad, again) == [("a.txt", b"ett"), ("b.txt", b"tva")]
    for name in ("subject", "text", "to", "cc", "in_reply_to"):
        assert getattr(again, name) == getattr(first, name), name


@pytest.mark.parametrize("mode", ["reply", "reply_all", "forward"])
def test_a_mail_taken_back_is_the_same_kind_of_mail_again(
    agent: Client, lillestad: Town, conversation: Conversation, mode: str
) -> None:
    first = send(agent, lillestad, conversation, mode=mode, to="chef@example.org", subject="")
    page = take_back(agent, lillestad, first)
    assert value_of(page, "mode") == mode
    again = send_what_the_page_shows(agent, lillestad)
    assert (again.subject, again.text, again.in_reply_to) == (first.subject, first.text, first.in_reply_to)
    assert bool(again.in_reply_to) == (mode != "forward")


def test_a_forward_taken_back_has_the_files_that_were_left_ticked(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    with scope.organization(lillestad.organization):
        mail = Message.objects.get()
        with_it = builders.attached(mail, "med.pdf", b"%PDF-med")
        builders.attached(mail, "inte.pdf", b"%PDF-inte")
    added = text_file("egen.txt")
    first = send(
        agent, lillestad, conversation, mode="forward", to="chef@example.org", forwarded=[with_it.pk], attachments=added
    )
    take_back(agent, lillestad, first)
    again = send_what_the_page_shows(agent, lillestad)
    assert sorted(names(lillestad, again)) == [("egen.txt", b"ett"), ("med.pdf", b"%PDF-med")]


# --- Two texts -------------------------------------------------------------------------------------------------------


def test_a_colleagues_mail_taken_back_does_not_overwrite_what_one_is_writing(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    bo = signed_in(lillestad.admin)
    planned = send(bo, lillestad, conversation, text="Bos svar", attachments=text_file("bo.txt"))
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Annas halva svar", "to": "barry@example.org"})
    page = take_back(agent, lillestad, planned)
    assert "Annas halva svar</textarea>" in page
    assert "Du skrev redan ett svar" in page
    assert "Bos svar" in page


def others(page: str) -> list[str]:
    return re.findall(r'name="take_up" value="(\d+)"', page)


def composing(town: Town, client: Client, **data: Any) -> str:
    answer = client.post(url(town, "compose", 1), {"mode": "reply", **data}, headers={"HX-Request": "true"})
    return answer.content.decode()


def test_two_texts_are_exchanged_with_their_files_and_the_other_can_be_thrown_away(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    planned = send(agent, lillestad, conversation, text="Det första", attachments=text_file("a.txt"), mode="forward")
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Det andra", "to": "barry@example.org"})
    take_back(agent, lillestad, planned)
    [first] = others(page_of(agent, lillestad))
    page = composing(lillestad, agent, text="Det andra, längre", take_up=first)
    assert "Det första</textarea>" in page
    assert (value_of(page, "mode"), "a.txt" in page) == ("forward", True)
    [second] = others(page)
    assert second != first
    page = composing(lillestad, agent, mode="forward", text="Det första", throw_away=second)
    assert "Det första</textarea>" in page
    assert others(page) == []
    with scope.organization(lillestad.organization):
        assert list(Draft.objects.values_list("text", flat=True)) == ["Det första"]


def test_sending_one_text_leaves_the_other(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    planned = send(agent, lillestad, conversation, text="Det första")
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Det andra", "to": "barry@example.org"})
    take_back(agent, lillestad, planned)
    conversation.version = int(value_of(page_of(agent, lillestad), "version"))
    send(agent, lillestad, conversation, text="Det andra")
    page = page_of(agent, lillestad)
    assert "Ta fram den" in page
    assert "Det första" in page


def test_what_a_colleague_has_written_cannot_be_taken_up_or_thrown_away(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    planned = send(agent, lillestad, conversation, text="Det första")
    agent.post(url(lillestad, "draft", 1), {"mode": "reply", "text": "Det andra", "to": "barry@example.org"})
    take_back(agent, lillestad, planned)
    [first] = others(page_of(agent, lillestad))
    bo = signed_in(lillestad.admin)
    assert "Det första" not in composing(lillestad, bo, text="", take_up=first)
    composing(lillestad, bo, text="", throw_away=first)
    assert others(page_of(agent, lillestad)) == [first]


# --- Files of a draft ------------------------------------------------------------------------------------------------


def upload(client: Client, town: Town, *files: SimpleUploadedFile, **data: Any) -> str:
    answer = client.post(
        url(town, "draft_files", 1), {"mode": "reply", "attachments": files, **data}, headers={"HX-Request": "true"}
    )
    return answer.content.decode()


def kept(page: str) -> list[str]:
    return re.findall(r'name="kept" value="(\d+)"', page)


def test_a_file_is_kept_with_a_draft_that_has_no_text_yet(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    [first] = kept(upload(agent, lillestad, text_file("a.txt")))
    upload(agent, lillestad, text_file("b.txt"))
    page = page_of(agent, lillestad)
    assert len(kept(page)) == 2
    assert kept(upload(agent, lillestad, remove=first)) == kept(page)[1:]
    upload(agent, lillestad, remove=kept(page)[1])
    with scope.organization(lillestad.organization):
        assert not Draft.objects.exists()


def test_files_of_a_draft_and_of_the_press_are_within_one_limit(
    agent: Client, lillestad: Town, conversation: Conversation, settings: Any
) -> None:
    settings.ATTACHMENT_UPLOAD_OCTETS = 1000
    [first] = kept(upload(agent, lillestad, text_file("a.txt", b"x" * 600)))
    page = upload(agent, lillestad, text_file("b.txt", b"x" * 600))
    assert "Mailet är 1,2" in page
    assert kept(page) == [first]
    data = form(conversation, kept=[first], attachments=text_file("c.txt", b"x" * 600))
    assert "Mailet är 1,2" in agent.post(url(lillestad, "reply", 1), data).content.decode()
    settings.ATTACHMENTS_MAX = 1
    assert "högst 1 fil" in upload(agent, lillestad, text_file("d.txt", b"d"))
    assert sent(lillestad) == []


def test_only_ones_own_files_are_sent(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    [theirs] = kept(upload(signed_in(lillestad.admin), lillestad, text_file("a.txt")))
    page = agent.post(url(lillestad, "reply", 1), form(conversation, kept=[theirs])).content.decode()
    assert "En fil finns inte kvar" in page
    assert sent(lillestad) == []


def test_pressing_twice_with_a_file_sends_once(agent: Client, lillestad: Town, conversation: Conversation) -> None:
    data = form(conversation, kept=kept(upload(agent, lillestad, text_file("a.txt"))))
    for _press in range(2):
        assert agent.post(url(lillestad, "reply", 1), data).status_code == 302
    [message] = sent(lillestad)
    assert names(lillestad, message) == [("a.txt", b"ett")]


def test_a_file_that_arrives_after_its_mail_was_sent_makes_no_draft(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    data = form(conversation)
    agent.post(url(lillestad, "reply", 1), data)
    upload(agent, lillestad, text_file("a.txt"), text="Hej Barry!", submission_key=data["submission_key"])
    with scope.organization(lillestad.organization):
        assert not Draft.objects.exists()


# --- What else comes back --------------------------------------------------------------------------------------------


def test_a_look_at_the_comment_and_back_changes_nothing(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    composing(lillestad, agent, mode="forward", to="chef@example.org", subject="FYI", text="Hej", to_mode="note")
    page = composing(lillestad, agent, mode="note", text="", to_mode="mail")
    found = (value_of(page, "mode"), value_of(page, "to"), value_of(page, "subject"), "Hej</textarea>" in page)
    assert found == ("forward", "chef@example.org", "FYI", True)


# --- Several windows -------------------------------------------------------------------------------------------------


def save(client: Client, town: Town, key: str, words: str) -> None:
    client.post(url(town, "draft", 1), {"mode": "reply", "text": words, "submission_key": key, "to": "b@example.org"})


def texts(town: Town) -> dict[str, bool]:
    with scope.organization(town.organization):
        return dict(Draft.objects.values_list("text", "aside"))


def test_an_old_window_does_not_overwrite_what_was_taken_back_in_another(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    old = value_of(page_of(agent, lillestad), "submission_key")
    new = value_of(take_back(agent, lillestad, send(agent, lillestad, conversation)), "submission_key")
    save(agent, lillestad, new, "Hej Barry! Och mer.")
    save(agent, lillestad, old, "")
    assert texts(lillestad) == {"Hej Barry! Och mer.": False}
    save(agent, lillestad, old, "I det gamla")
    save(agent, lillestad, new, "Hej Barry! Och ännu mer.")
    assert texts(lillestad) == {"Hej Barry! Och ännu mer.": True, "I det gamla": False}
    page = page_of(agent, lillestad)
    assert (value_of(page, "submission_key"), "I det gamla</textarea>" in page) == (old, True)


def test_a_mail_sent_from_an_old_window_takes_only_its_own_draft_along(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    save(agent, lillestad, first, "Ett")
    save(agent, lillestad, second, "Två")
    assert texts(lillestad) == {"Ett": True, "Två": False}
    send(agent, lillestad, conversation, text="Ett", submission_key=first)
    assert texts(lillestad) == {"Två": False}


def test_a_mail_refused_and_sent_again_leaves_no_draft(
    agent: Client, lillestad: Town, conversation: Conversation
) -> None:
    key = value_of(page_of(agent, lillestad), "submission_key")
    save(agent, lillestad, key, "Hej")
    refused = agent.post(url(lillestad, "reply", 1), form(conversation, submission_key=key, to="")).content.decode()
    send(agent, lillestad, conversation, submission_key=value_of(refused, "submission_key"))
    assert texts(lillestad) == {}
