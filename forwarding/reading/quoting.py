"""Which characters of a text are the author's own words: ranges for folding, never for deleting."""

from forwarding.reading.html_text import Mark
from forwarding.reading.limits import Limits
from forwarding.reading.mail import TextRange


def text_ranges(text: str, marks: tuple[Mark, ...], limits: Limits) -> tuple[TextRange, ...]:
    """Ranges that cover `text` in order and without gaps."""
    return (TextRange(0, len(text), "visible"),)
