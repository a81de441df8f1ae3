"""Which text is shown and searched."""

import pytest

from forwarding.reading import Limits, read_mail
from tests.forwarding.reading.messages import mail, multipart, nested, part

PLAIN = "Hej!\r\n\r\nJag undrar om tjänsten är ledig.\r\n"
HTML = "<p>Hej!</p><p>Jag undrar om tjänsten är <b>ledig</b>.</p>"


def alternative(plain: str, html: str) -> bytes:
    return multipart(part(plain), part(html, "text/html; charset=utf-8"), subtype="alternative")


def test_the_plain_alternative_is_the_text_and_the_html_is_kept() -> None:
    read = read_mail(alternative(PLAIN, HTML))
    assert (read.text, read.html) == (PLAIN.replace("\r\n", "\n").removesuffix("\n") + "\n", HTML)


@pytest.mark.parametrize("plain", ["", " \r\n"])
def test_an_empty_plain_alternative_gives_way_to_the_html(plain: str) -> None:
    assert read_mail(alternative(plain, HTML)).text == "Hej!\n\nJag undrar om tjänsten är ledig.\n"


def test_a_token_for_programs_without_html_gives_way_to_the_html() -> None:
    read = read_mail(
        alternative("Your mail program does not show HTML.", HTML + "<p>Och en rad till som är här.</p>" * 3)
    )
    assert read.text.startswith("Hej!\n\nJag undrar om tjänsten är ledig.\n")
    assert read.other_text == "Your mail program does not show HTML."


def test_alternatives_that_differ_are_both_searched() -> None:
    words = "ansökan beslut handläggare faktura adress förskola bygglov altan"
    plain = f"{words}\r\nVi ses i Östersund den femte maj klockan tio om ingenting kommer emellan för er.\r\n"
    html = "".join(f"<p>{word} av {other}</p>" for word in words.split() for other in words.split())
    read = read_mail(alternative(plain, html))
    assert "Vi ses i Östersund" in read.text
    assert "altan av bygglov" in read.other_text
    assert read.html == html


def test_alternatives_that_say_the_same_are_searched_once() -> None:
    assert read_mail(alternative(PLAIN, HTML)).other_text == ""
    more = alternative(PLAIN, HTML + "<p>Anna Andersson, Storgatan 1, Lillestad</p>")
    assert (read_mail(more).other_text, "Storgatan" in read_mail(more).text) == ("", True)


@pytest.mark.parametrize("html", ["<html><body></body></html>", "<title>Faktura</title><table><tr><td><br></table>"])
def test_html_that_shows_nothing_gives_way_to_the_plain_alternative(html: str) -> None:
    read = read_mail(alternative(PLAIN, html))
    assert "ledig" in read.text
    assert read.html is None


def test_html_that_shows_only_a_picture_is_kept() -> None:
    html = '<p><img src="https://example.se/a.png"></p>'
    assert read_mail(alternative(PLAIN, html)).html == html


def test_plain_text_that_says_more_than_the_html_stays() -> None:
    read = read_mail(alternative(PLAIN + "Och en rad till som saknas i den andra.\r\n", HTML))
    assert "saknas" in read.text


def test_link_targets_written_out_do_not_count_as_saying_more() -> None:
    plain = PLAIN + "<https://example.se/en/lang/adress?med=parametrar&och=mer>\r\n"
    assert "https" not in read_mail(alternative(plain, HTML)).text


def test_an_address_written_by_the_author_counts_as_saying_more() -> None:
    plain = PLAIN + "Läs mer om den (https://example.se/en/lang/adress/till/annonsen) innan du svarar.\r\n"
    assert "annonsen" in read_mail(alternative(plain, HTML + "<p>Läs mer om <a>den</a> innan du svarar.</p>")).text


def test_html_alone_gives_text() -> None:
    read = read_mail(mail(b"<p>R&auml;k</p>", b"Content-Type: text/html"))
    assert (read.text, read.html) == ("Räk\n", "<p>R&auml;k</p>")


def test_html_under_a_plain_label_is_seen() -> None:
    read = read_mail(mail(b"<!DOCTYPE html><html><body>Hej</body></html>", b"Content-Type: text/plain"))
    assert read.text == "Hej\n"
    assert read.html is not None


def test_html_without_any_declared_type_is_seen() -> None:
    assert read_mail(mail(b"<div>Hej</div>")).html == "<div>Hej</div>"
    assert read_mail(mail(b"<div>Hej</div>", b"Content-Type: text/plain")).html is None


def test_plain_text_that_mentions_tags_stays_plain() -> None:
    assert read_mail(mail(b"How do I write <b> in HTML?")).html is None


def test_texts_around_a_picture_are_joined_and_the_picture_is_inline() -> None:
    read = read_mail(multipart(part("före"), part(b"\x89PNG", "image/png; name=bild.png"), part("efter")))
    assert read.text == "före\nefter"
    assert [(one.name, one.inline) for one in read.attachments] == [("bild.png", True)]


def test_html_parts_in_sequence_are_all_displayed() -> None:
    read = read_mail(multipart(part("<p>ett", "text/html"), part("två < tre"), part("<p>fyra", "text/html")))
    assert read.html is not None
    assert [read.html.find(word) >= 0 for word in ("<p>ett", "två &lt; tre", "<p>fyra")] == [True, True, True]
    assert read.text.split() == ["ett", "två", "<", "tre", "fyra"]


def test_the_picture_before_the_html_of_a_related_part_is_no_body() -> None:
    read = read_mail(
        multipart(
            part(b"\x89PNG", "image/png", "Content-Location: a.png"),
            part('<img src="a.png">Hej', "text/html"),
            subtype="related",
        )
    )
    assert (read.text, [one.inline for one in read.attachments]) == ("Hej\n", [True])


def test_a_related_part_shows_the_part_it_names_as_start() -> None:
    raw = multipart(part("annat"), part("<p>rot", "text/html", "Content-ID: <r@x>"), subtype="related")
    read = read_mail(raw.replace(b"multipart/related;", b'multipart/related; start="<r@x>";'))
    assert (read.text, [one.name for one in read.attachments]) == ("rot\n", ["document.txt"])


@pytest.mark.parametrize(
    ("kind", "body", "text"), [("text/markdown", "# Hej", "# Hej"), ("text/enriched", "<bold>Hej</bold>", "Hej\n")]
)
def test_text_of_another_type_is_shown_where_there_is_no_other(kind: str, body: str, text: str) -> None:
    assert read_mail(mail(body.encode(), f"Content-Type: {kind}".encode())).text == text
    assert read_mail(multipart(part("Hej"), part(body, kind))).text == "Hej"


def test_plain_text_called_base64_is_shown_as_it_stands() -> None:
    assert (
        read_mail(mail(b"Helt vanlig text, tack.", b"Content-Transfer-Encoding: base64")).text
        == "Helt vanlig text, tack."
    )


@pytest.mark.parametrize("footer", ["--\r\nGranskat av Lillestad\r\n", "_______\r\nlista@example.se\r\nLillestad\r\n"])
def test_a_footer_below_base64_is_shown_and_spoils_nothing(footer: str) -> None:
    octets = part("Hej! När öppnar ni på måndag?", encoding="base64") + footer.encode()
    header, _, body = octets.partition(b"\r\n\r\n")
    read = read_mail(mail(body, *header.split(b"\r\n")))
    assert "När öppnar ni på måndag?" in read.text
    assert footer.split("\r\n")[1] in read.text
    assert "binary_text" not in read.defects


def test_a_broken_line_within_base64_begins_no_footer() -> None:
    text = "Hej! När öppnar ni på måndag? " * 12
    lines = part(text, encoding="base64").partition(b"\r\n\r\n")[2].split(b"\r\n")
    lines[1] = lines[1][:20] + b"!!" + lines[1][20:]
    header = (b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: base64")
    assert read_mail(mail(b"\r\n".join(lines), *header)).text == text


@pytest.mark.parametrize("encoding", [b"quoted_printable", b"Quoted Printable", b"quotedprintable"])
def test_a_misspelt_transfer_encoding_is_understood(encoding: bytes) -> None:
    assert read_mail(mail(b"Hej p=C3=A5 dig", b"Content-Transfer-Encoding: " + encoding)).text == "Hej på dig"


def test_blanks_behind_a_soft_line_break_are_no_text() -> None:
    raw = mail(b"Hej =  \r\ndu =\t\r\ndir\r\n", b"Content-Transfer-Encoding: quoted-printable")
    assert read_mail(raw).text.strip() == "Hej du dir"


def test_an_attached_message_never_leaks_into_the_text() -> None:
    inner = b"From: x@example.org\r\nSubject: Inre\r\n\r\nHemlig text i den bifogade."
    read = read_mail(multipart(part("Se bifogat."), part(inner, "message/rfc822")))
    assert read.text == "Se bifogat."
    assert [(one.name, one.content) for one in read.attachments] == [("Inre.eml", inner)]


def test_flowed_text_is_joined_and_quotes_keep_their_depth() -> None:
    body = b"En rad som \r\nforts\xc3\xa4tter.\r\n> citat som \r\n> forts\xc3\xa4tter\r\n-- \r\nAnna\r\n"
    read = read_mail(mail(body, b"Content-Type: text/plain; charset=utf-8; format=flowed"))
    assert read.text == "En rad som fortsätter.\n> citat som fortsätter\n-- \nAnna\n"


def test_flowed_text_with_delsp_loses_the_trailing_space() -> None:
    read = read_mail(
        mail(b"bl\xc3\xa5 \r\nb\xc3\xa4r\r\n", b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes")
    )
    assert read.text == "blåbär\n"


def test_text_beyond_the_limit_is_attached_in_full() -> None:
    read = read_mail(mail(b"rad\r\n" * 1000, b"Content-Type: text/plain"), Limits(shown_text_octets=500))
    assert len(read.text) < 500
    assert [len(one.content) for one in read.attachments] == [5000]
    assert "text_too_long" in read.defects


def test_signed_mail_shows_its_text_and_keeps_the_signature() -> None:
    read = read_mail(
        multipart(part("Hej"), part(b"sig", "application/pkcs7-signature; name=smime.p7s"), subtype="signed")
    )
    assert (read.text, read.protection, [one.name for one in read.attachments]) == ("Hej", "signed", ["smime.p7s"])


@pytest.mark.parametrize(
    "raw",
    [
        multipart(
            part("Version: 1", "application/pgp-encrypted"),
            part("-----BEGIN PGP MESSAGE-----", "application/octet-stream"),
            subtype="encrypted",
        ),
        mail(b"\x30\x80", b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"),
        mail(b"-----BEGIN PGP MESSAGE-----\r\nabc\r\n-----END PGP MESSAGE-----\r\n"),
    ],
)
def test_encrypted_mail_is_recognised(raw: bytes) -> None:
    assert read_mail(raw).protection == "encrypted"


def test_an_attachment_beside_alternatives_changes_neither() -> None:
    both = nested(part(PLAIN), part(HTML, "text/html"), subtype="alternative", boundary="b2")
    read = read_mail(
        multipart(both, part("fil", "text/plain; name=a.txt", "Content-Disposition: attachment; filename=a.txt"))
    )
    assert (read.html, [one.name for one in read.attachments]) == (HTML, ["a.txt"])
    assert "fil" not in read.text.split()
