"""The generated message set of the ingest measurements, sent over SMTP and filed, judged by its verifier from the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conversations.models import Attachment, Message
from organizations import scope
from tests.support.builders import Town
from tests.support.generated import GENERATOR, generated
from tests.support.mails import Pipeline, address_of

MESSAGES = 400
AT_ONCE = 40  # are filed together; a reply comes later than that

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not GENERATOR.is_file(), reason=f"no message generator in {GENERATOR.parent}"),
    pytest.mark.django_db(transaction=True),
]


def test_everything_is_right_from_smtp_to_the_rows(
    post: Pipeline, lillestad: Town, tmp_path: Path, settings: Any
) -> None:
    # Every sender of the set is of one company: that is a storm by design.
    settings.FILING_STORM_OF_SENDER = settings.FILING_STORM_OF_SUBJECT = 10 * MESSAGES
    verifier, metas = generated(tmp_path, MESSAGES)
    for number, meta in enumerate(metas, start=1):
        post.send((tmp_path / meta["file"]).read_bytes(), address_of(lillestad.inbox), mail_from=meta["sender"])
        if number % AT_ONCE == 0:
            post.file()
    post.file()
    verdict = verifier.check(str(tmp_path), rows(lillestad, {meta["msgid"].strip("<>"): meta for meta in metas}), metas)
    assert (verdict["arrived"], verdict["duplicated"], verdict["missing"]) == (MESSAGES, 0, [])
    assert verdict["text_right"] == MESSAGES
    assert verdict["text_nonascii_right"] == verdict["text_nonascii"] > 0
    assert verdict["replies_joined"] == verdict["replies"] > MESSAGES // 3
    assert verdict["roots_alone"] == verdict["roots"] > MESSAGES // 3
    assert verdict["attachments_right"] == verdict["attachment_names_right"] == verdict["attachments"] > 0


def rows(of: Town, metas: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages as the verifier wants them. A mail's token stands in its text, or it is nobody's."""
    with scope.organization(of.organization):
        files: dict[int, list[tuple[str, str]]] = {}
        for pk, name, digest in Attachment.objects.values_list("message_id", "name", "blob__sha256"):
            files.setdefault(pk, []).append((name, digest))
        found = Message.objects.values_list("pk", "message_id", "conversation_id", "text")
        return [
            {
                "token": token if (token := metas[identifier]["token"]) in text else "",
                "conv": conversation,
                "text": text,
                "atts": files.get(pk, []),
            }
            for pk, identifier, conversation, text in found
        ]
