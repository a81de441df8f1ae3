"""Charsets: declared and right, declared and wrong, unknown, absent."""

import pytest

from forwarding.reading import read_mail
from forwarding.reading.charsets import codec_for, decode, is_binary
from forwarding.reading.storable import pg_line, pg_text
from tests.forwarding.reading.messages import mail

SWEDISH = "Blåbärssoppa är gött på fjället, tycker åtta av tio östgötar."


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (SWEDISH, "utf-8", "utf-8"),
        (SWEDISH, "utf-8", "UTF8"),
        (SWEDISH, "iso-8859-1", "iso-8859-1"),
        (SWEDISH, "cp1252", "windows-1252"),
        (SWEDISH, "cp850", "cp-850"),
        (SWEDISH, "mac_roman", "macintosh"),
        (SWEDISH, "utf-16", "utf-16"),
        (SWEDISH, "utf-16-le", "utf-16le"),
        (SWEDISH, "utf-7", "unicode-1-1-utf-7"),
        ("中文邮件", "gb18030", "gb2312"),
        ("中文郵件", "big5", "big5"),
        ("日本語メール", "iso2022_jp", "iso-2022-jp"),
        ("日本語メール", "cp932", "shift_jis"),
        ("日本語メール", "euc_jp", "euc-jp"),
        ("한국어 메일", "cp949", "ks_c_5601-1987"),
        ("Привет, мир", "koi8-r", "koi8-r"),
        ("Привет, мир", "cp1251", "windows-1251"),
        ("Ελληνικά", "iso8859-7", "iso-8859-7"),
        ("שלום", "iso8859-8", "iso-8859-8-i"),
    ],
)
def test_a_declared_charset_that_fits_is_used(text: str, codec: str, label: str) -> None:
    decoded = decode(text.encode(codec), label)
    assert (decoded.text, decoded.overruled) == (text, False)


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (SWEDISH, "utf-8", "us-ascii"),
        (SWEDISH, "utf-8", "iso-8859-1"),
        (SWEDISH, "iso-8859-1", "utf-8"),
        (SWEDISH, "iso-8859-1", "us-ascii"),
        (SWEDISH, "utf-8", "x-unknown"),
        (SWEDISH, "utf-8-sig", "iso-8859-1"),
        (SWEDISH, "utf-8", "rot13"),
        (SWEDISH, "utf-8", "zlib_codec"),
        (SWEDISH, "utf-8", "unicode_escape"),
        ("日本語メール", "euc_jp", "iso-2022-jp"),
        ("plain ascii", "ascii", "utf-16"),
        ("“quoted” – text", "cp1252", "iso-8859-1"),
        ("日本語のメールです", "iso2022_jp", ""),
        ("日本語のメールです", "iso2022_jp", "us-ascii"),
        ("日本語のメールです", "iso2022_jp", "iso-8859-1"),
        ("日本語のメールです", "iso2022_jp", "utf-8"),
    ],
)
def test_a_wrong_label_is_overruled_without_loss(text: str, codec: str, label: str) -> None:
    assert decode(text.encode(codec), label).text == text


def test_html_may_name_its_charset_itself() -> None:
    html = '<html><meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><body>Привет</body></html>'
    assert "Привет" in decode(html.encode("koi8-r"), "", html=True).text


def test_single_broken_octets_do_not_spoil_the_rest() -> None:
    octets = (SWEDISH * 20).encode() + b"\xe5 slut"
    assert decode(octets, "utf-8").text == SWEDISH * 20 + "å slut"


@pytest.mark.parametrize("label", ["utf-8", "us-ascii", "iso-8859-1", ""])
def test_a_western_footer_spoils_no_utf_8(label: str) -> None:
    octets = SWEDISH.encode() + "\n--\nGranskat av någon på Älvgården\n".encode("cp1252")
    assert decode(octets, label).text == SWEDISH + "\n--\nGranskat av någon på Älvgården\n"


@pytest.mark.parametrize(
    "text",
    [
        "Frösche",
        SWEDISH * 20,
        "När öppnar ni på måndag? Går det bra att komma före åtta?\n" * 6,
        "Ce n’est pas très clair : où dois-je m’adresser, à l’école ?\n" * 6,
        "Åäö\xa0\xa0\xa0\xa0åäö\xa0\xa0\xa0\n" * 30,
        "··········\n" * 30,
    ],
)
@pytest.mark.parametrize("label", ["", "x-unknown", "iso-8859-1"])
def test_undeclared_western_text_is_not_guessed_at(text: str, label: str) -> None:
    assert decode(text.encode("cp1252"), label).text == text


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Здравствуйте, у меня есть вопрос о вашем расписании. Когда вы открываетесь?", "koi8-r"),
        ("Здравствуйте, у меня есть вопрос о вашем расписании. Когда вы открываетесь?", "cp1251"),
        ("Καλημέρα σας, έχω μια ερώτηση για το ωράριο. Πότε ανοίγετε;", "iso8859-7"),
        ("您好，我想问一下你们星期一什么时候开门，谢谢。", "gb18030"),
        ("お世話になっております。月曜日は何時に開きますか。", "cp932"),
        ("お世話になっております。月曜日は何時に開きますか。", "euc_jp"),
    ],
)
@pytest.mark.parametrize("label", ["", "iso-8859-1"])
def test_another_script_is_seen_without_a_label_and_under_a_western_one(text: str, codec: str, label: str) -> None:
    decoded = decode(text.encode(codec), label)
    assert (decoded.text, decoded.overruled) == (text, True)


def test_no_octet_is_replaced_by_a_question_mark_character() -> None:
    assert "\ufffd" not in decode(bytes(range(256)) * 10, "").text
    assert "\ufffd" not in decode(bytes(range(256)) * 10, "windows-1253").text


@pytest.mark.parametrize("label", ["rot13", "base64", "idna", "punycode", "undefined", "mbcs", "", "é", "a" * 500, "0"])
def test_what_is_no_charset_is_not_looked_up(label: str) -> None:
    assert codec_for(label) is None


def test_overruling_is_recorded_as_a_defect() -> None:
    read = read_mail(mail(SWEDISH.encode(), b"Content-Type: text/plain; charset=iso-8859-1"))
    assert (read.text, read.defects) == (SWEDISH, ("charset_overruled",))


def test_binary_under_a_text_label_is_attached_and_its_words_stay_searchable() -> None:
    read = read_mail(
        mail(b"\x00\x01\x02\x03" * 100 + b"readable words" + b"\x00\x05\xff" * 50, b"Content-Type: text/plain")
    )
    assert read.text == "readable words"
    assert "binary_text" in read.defects
    assert [len(one.content) for one in read.attachments] == [564]


def test_a_single_control_octet_makes_no_short_text_binary() -> None:
    read = read_mail(mail(b"Hej\x00 du", b"Content-Type: text/plain"))
    assert (read.text.replace(" ", ""), read.attachments) == ("Hejdu", ())


def test_utf_16_text_is_not_taken_for_binary() -> None:
    assert not is_binary(SWEDISH.encode("utf-16-le"), "utf-16le")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("a\x00b", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("\x93quoted\x94", "“quoted”"),
        ("\x81", ""),
        ("a\r\nb\rc\x0cd", "a\nb\nc\nd"),
        ("\ufeffa", "a"),
        ("räk\tsmörgås", "räk\tsmörgås"),
    ],
)
def test_strings_are_made_storable(given: str, stored: str) -> None:
    assert pg_text(given) == stored


def test_a_line_has_no_line_breaks() -> None:
    assert pg_line(" a\r\n\tb ") == "a  b"
