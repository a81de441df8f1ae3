"""The demo's mails, as the outside world would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f030005fe02fea72d99"
    "f70000000049454e44ae426082"
)


@dataclass(frozen=True)
class DemoMail:
    """One mail: who wrote it, to which inbox, how long ago, and what it says. `answers` names the mail replied to."""

    key: str
    to: str
    name: str
    address: str
    hours_ago: float
    subject: str
    text: str
    html: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()
    answers: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def message_id(self) -> str:
        """Stable, so that loading the demo twice adds nothing."""
        return f"<demo-{self.key}@{self.address.rpartition('@')[2]}>"

    def octets(self, now: datetime, answered: DemoMail | None = None) -> bytes:
        """The mail as it comes over SMTP, dated `hours_ago` before `now`."""
        message = EmailMessage()
        message["From"] = f"{self.name} <{self.address}>"
        message["To"] = self.to
        message["Subject"] = self.subject
        message["Date"] = format_datetime(now - timedelta(hours=self.hours_ago))
        message["Message-ID"] = self.message_id
        if answered:
            message["In-Reply-To"] = message["References"] = answered.message_id
        for name, value in self.headers:
            message[name] = value
        message.set_content(self.text)
        if self.html:
            message.add_alternative(self.html, subtype="html")
        for name, content_type, content in self.files:
            maintype, _, subtype = content_type.partition("/")
            message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
        return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def _pdf(title: str) -> bytes:
    """The smallest PDF that a viewer opens, with one line of text."""
    stream = f"BT /F1 18 Tf 72 770 Td ({title}) Tj ET".encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


JOBS, INFO = "jobb@lillestad.se", "info@lillestad.se"

MAILS: tuple[DemoMail, ...] = (
    DemoMail(
        "timvikarie",
        JOBS,
        "Barry Lindqvist",
        "barry.lindqvist@example.net",
        0.4,
        "Fråga om tjänsten som timvikarie",
        "Hej!\n\nJag såg annonsen om timvikarier på förskolan Sländan. Går det att söka om man bara kan arbeta "
        "förmiddagar?\n\nVänliga hälsningar\nBarry Lindqvist\n070-123 45 67\n",
    ),
    DemoMail(
        "intyg",
        JOBS,
        "Samira Haddad",
        "samira.haddad@example.org",
        3,
        "Ansökan undersköterska, referens 2026-118",
        "Hej,\n\nHär kommer mina intyg som ni bad om. Säg till om något saknas.\n\nMvh Samira\n",
        "<p>Hej,</p><p>Här kommer mina intyg som ni bad om. <b>Säg till om något saknas.</b></p><p>Mvh<br>Samira</p>",
        (
            ("Tjänstgöringsintyg.pdf", "application/pdf", _pdf("Tjanstgoringsintyg")),
            ("Betyg omvårdnad.pdf", "application/pdf", _pdf("Betyg")),
        ),
    ),
    DemoMail(
        "semester",
        JOBS,
        "Karin Öberg",
        "karin.oberg@example.com",
        26,
        "När får jag besked?",
        "Hej igen\n\nJag var på intervju den 3 november för tjänsten som skolkurator. När kan jag räkna med besked? Jag har "
        "ett annat erbjudande att ta ställning till senast fredag.\n\nKarin Öberg\n",
    ),
    DemoMail(
        "semester-2",
        JOBS,
        "Karin Öberg",
        "karin.oberg@example.com",
        2,
        "Sv: När får jag besked?",
        "Hej, jag undrar om ni har hunnit titta på det här?\n\nKarin\n\nDen 21 november skrev Karin Öberg:\n> Hej igen\n>\n"
        "> Jag var på intervju den 3 november för tjänsten som skolkurator.\n",
        answers="semester",
    ),
    DemoMail(
        "sommarjobb",
        JOBS,
        "Elias Nyström",
        "elias.nystrom@example.net",
        50,
        "Sommarjobb 2027",
        "Hejsan, när öppnar ansökan till sommarjobben nästa år? Jag fyller 16 i maj.\n/Elias\n",
    ),
    DemoMail(
        "franvaro",
        JOBS,
        "Rekrytering AB",
        "kontakt@rekrytering.example",
        5,
        "Autosvar: Annons vecka 48",
        "Tack för ditt mail. Jag är tillbaka den 30 november.\n",
        headers=(("Auto-Submitted", "auto-replied"),),
    ),
    DemoMail(
        "snorojning",
        INFO,
        "Gunnar Ek",
        "gunnar.ek@example.com",
        1.2,
        "Snöröjning på Björkvägen",
        "God morgon,\n\nBjörkvägen är fortfarande inte plogad och hemtjänsten kommer inte fram till nummer 14. Kan någon "
        "titta på det i dag?\n\nGunnar Ek\n",
    ),
    DemoMail(
        "bygglov",
        INFO,
        "Anna-Lena Sjögren",
        "annalena@example.org",
        8,
        "Bygglov för altan",
        "Hej!\nBehöver vi bygglov för att glasa in altanen? Huset ligger inom detaljplan. Bifogar en skiss.\n\nAnna-Lena",
        '<p>Hej!</p><p>Behöver vi bygglov för att glasa in altanen? Huset ligger inom <a href="https://www.example.org/plan">'
        'detaljplan</a>. Bifogar en skiss.</p><p><img src="https://images.example.org/logo.png" alt="Logotyp"></p>'
        "<p>Anna-Lena</p>",
        (("skiss altan.png", "image/png", PIXEL),),
    ),
    DemoMail(
        "skolskjuts",
        INFO,
        "Familjen Rashid",
        "rashid.familjen@example.net",
        73,
        "Skolskjuts till Ängsskolan",
        "Hej, vi flyttar till Norrby den 1 januari. Hur ansöker vi om skolskjuts för två barn i årskurs 2 och 5?\n\n"
        "Med vänlig hälsning\nFamiljen Rashid\n",
    ),
    DemoMail(
        "english",
        INFO,
        "James O’Connor",
        "james@example.com",
        30,
        "Registering a child for preschool",
        "Hello,\n\nWe have just moved to Lillestad and would like to register our daughter for preschool from February. "
        "Which form should we use, and is it available in English?\n\nKind regards\nJames\n",
    ),
    DemoMail(
        "faktura",
        INFO,
        "Ekonomi, Vattenverken AB",
        "faktura@vattenverken.example",
        100,
        "Påminnelse: faktura 40213",
        "Enligt våra noteringar är faktura 40213 obetald. Vänligen kontrollera.\n",
        headers=(("Precedence", "bulk"),),
    ),
)


def demo_mails(now: datetime) -> Iterator[tuple[DemoMail, bytes]]:
    """Each mail with its octets, oldest first, so that answers find what they answer."""
    by_key = {mail.key: mail for mail in MAILS}
    for mail in sorted(MAILS, key=lambda mail: -mail.hours_ago):
        yield mail, mail.octets(now, by_key.get(mail.answers))
