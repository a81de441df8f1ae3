"""The message set of the mail benchmarks: deterministic, of the mix and sizes that customers get.

60 % short plain text (Swedish and English, UTF-8 and Latin-1, all transfer encodings), 30 % with HTML of 5-30 kB, 10 %
with an attachment of 50-500 kB. Every message has a token of its own, so that it can be found again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage

SWEDISH = (
    "hej jag undrar när beskedet kommer och vem som är handläggare för ärendet fakturan för augusti stämmer inte "
    "beloppet är högre än förra månaden kan ni ändra adressen vi har flyttat till östersund tack för svaret hälsningar"
).split()
ENGLISH = (
    "hello could you please tell me when the decision will arrive and who is in charge of the case the invoice for "
    "august is wrong the amount is higher than last month we have moved to another town thanks for the answer regards"
).split()
_ENCODINGS = {"utf-8": ("8bit", "quoted-printable", "base64"), "iso-8859-1": ("8bit", "quoted-printable")}


def token(number: int) -> str:
    """What message `number` can be recognised by in a body."""
    return f"BENCH-{number:06d}"


def message_set(count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` messages with CRLF line ends, the same ones for the same seed."""
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)
        yield _message(number, chance).as_bytes(policy=policy.SMTP)


def _message(number: int, chance: random.Random) -> EmailMessage:
    swedish = chance.random() < 0.7
    charset = chance.choice(sorted(_ENCODINGS))
    message = EmailMessage(policy=policy.SMTP)
    message["Received"] = (
        f"from client.example by mx.lillestad.example with ESMTPS id {number:x}; Mon, 2 Nov 2026 08:00:00 +0100"
    )
    message["From"] = f"Kund {number} <kund{number}@example.org>"
    message["To"] = "jobb@lillestad.se"
    message["Subject"] = f"{'Fråga om ärende' if swedish else 'Question about case'} {number}"
    message["Date"] = "Mon, 2 Nov 2026 08:00:00 +0100"
    message["Message-ID"] = f"<bench.{number}.{chance.getrandbits(32):08x}@example.org>"
    text = f"{_text(chance, swedish, chance.randint(20, 120))}\n\n{token(number)}\n"
    message.set_content(text, charset=charset, cte=chance.choice(_ENCODINGS[charset]))
    kind = chance.random()
    if kind >= 0.9:
        octets = b"%PDF-1.7\n" + chance.randbytes(chance.randint(50_000, 500_000))
        message.add_attachment(octets, maintype="application", subtype="pdf", filename=f"ansökan-{number}.pdf")
    elif kind >= 0.6:
        html = _html(chance, swedish, number, chance.randint(5_000, 30_000))
        message.add_alternative(html, subtype="html", cte=chance.choice(_ENCODINGS["utf-8"]))
    # The generator of boundaries is the global one.
    random.seed(number)
    return message


def _text(chance: random.Random, swedish: bool, words: int) -> str:
    chosen = chance.choices(SWEDISH if swedish else ENGLISH, k=words)
    return "\n".join(" ".join(chosen[start : start + 11]) for start in range(0, words, 11))


def _html(chance: random.Random, swedish: bool, number: int, octets: int) -> str:
    paragraphs = [f"<html><body lang=SV><p class=MsoNormal>{token(number)}</p>"]
    size = 0
    while size < octets:
        style = f"margin-bottom:12.0pt;color:#{chance.getrandbits(24):06x}"
        paragraphs.append(f"<p class=MsoNormal style='{style}'>{_text(chance, swedish, 30)}</p>")
        size += len(paragraphs[-1])
    return "\n".join(paragraphs) + "</body></html>\n"
