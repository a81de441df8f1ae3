"""What a message is found by costs little whatever the text: PostgreSQL's parser is quadratic in some."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from conversations import indexing
from conversations.models import Message

pytestmark = pytest.mark.django_db

STATEMENT_SECONDS = 5
# Of the length of a long mail each takes PostgreSQL from half a minute to minutes, unless such runs are broken.
COSTLY = ["x@1", "1x@", "/~", "e_", "<!--", " <!--", "x@<!--", "/."]


def of_vector(message: Message, question: str, *parameters: str) -> Any:
    """What PostgreSQL answers about the vector of a message, within STATEMENT_SECONDS."""
    expression = indexing.search_vector(message)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        cursor.execute(question.format(expression.sql), [*expression.params, *parameters])
        return cursor.fetchone()[0]


def message(text: str, **values: Any) -> Message:
    return Message(organization_id=1, inbox_id=1, subject=text[:1000], text=text, **values)


@pytest.mark.parametrize("pattern", COSTLY)
def test_a_text_made_to_hold_up_the_parser_is_indexed_at_once(pattern: str) -> None:
    text = (pattern * indexing.INDEXED_CHARACTERS)[: 2 * indexing.INDEXED_CHARACTERS]
    assert of_vector(message(text, from_name=text[:300]), "SELECT length({})") > 0


def test_more_recipients_than_a_vector_holds_do_not_keep_a_message_out() -> None:
    many = [{"name": "", "address": f"{number}{'x' * 250}@example.org"} for number in range(6_000)]
    assert of_vector(message("Hej", to=many), "SELECT length({})") > 100


@pytest.mark.parametrize("words", ["barry.berg@example.net", "example.net/jobb", "sommarjobb"])
def test_what_stands_between_angle_brackets_is_found(words: str) -> None:
    text = "Svara till Barry <barry.berg@example.net>, se <https://example.net/jobb> om <sommarjobb>."
    assert of_vector(message(text), "SELECT ({}) @@ plainto_tsquery('simple', %s)", words)
