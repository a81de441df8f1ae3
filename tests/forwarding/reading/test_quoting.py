"""Which words are the author's own, in the forms mail programs give to quotes."""

import pytest

from forwarding.reading import Limits, read_mail
from forwarding.reading.html_text import html_to_text
from forwarding.reading.quoting import text_ranges
from tests.forwarding.reading.messages import mail


def visible(text: str) -> str:
    ranges = text_ranges(text, (), Limits())
    assert "".join(text[one.start : one.end] for one in ranges) == text
    return "".join(text[one.start : one.end] for one in ranges if one.kind == "visible").strip()


@pytest.mark.parametrize(
    "attribution",
    [
        "On Mon, Feb 5, 2024 at 10:12 AM Anna Karlsson <anna@example.se> wrote:",
        "On Mon, Feb 5, 2024 at 10:12 AM Anna Karlsson\n<anna@example.se> wrote:",
        "On Feb 5, 2024, at 10:12, Anna wrote:",
        "Den mån 5 feb. 2024 kl 10:12 skrev Anna Karlsson <anna@example.se>:",
        "Den mån 5 feb. 2024 kl 10:12 skrev Anna Karlsson <\nanna@example.se>:",
        "5 feb. 2024 kl. 10:12 skrev Anna Karlsson <anna@example.se>:",
        "Den 2024-02-05 kl. 10:12, skrev Anna Karlsson:",
        "På mån, 2024-02-05 klockan 10:12 +0100 skrev Anna:",
        "Anna Karlsson <anna@example.se> skrev den 5 februari 2024 10:12:",
        "Den man. 5. feb. 2024 kl. 10.12 skrev Anna <anna@example.se>:",
        "man. 5. feb. 2024 kl. 10:12 skrev Anna <anna@example.se>:",
        "Am Mo., 5. Feb. 2024 um 10:12 Uhr schrieb Anna <anna@example.se>:",
        "Am 05.02.2024 um 10:12 schrieb Anna Karlsson:",
        "Le lun. 5 févr. 2024 à 10:12, Anna <anna@example.se> a écrit :",
        "El lun, 5 feb 2024 a las 10:12, Anna (<anna@example.se>) escribió:",
        "Em seg., 5 de fev. de 2024 às 10:12, Anna <anna@example.se> escreveu:",
        "Il giorno lun 5 feb 2024 alle ore 10:12 Anna <anna@example.se> ha scritto:",
        "Op ma 5 feb 2024 om 10:12 schreef Anna <anna@example.se>:",
        "W dniu 05.02.2024 o 10:12, Anna pisze:",
        "pon., 5 lut 2024 o 10:12 Anna <anna@example.se> napisał(a):",
        "пн, 5 февр. 2024 г. в 10:12, Анна <anna@example.se>:",
        "05.02.2024 10:12, Анна пишет:",
        "ma 5. helmik. 2024 klo 10.12 Anna (anna@example.se) kirjoitti:",
        "po 5. 2. 2024 v 10:12 odesílatel Anna <anna@example.se> napsal:",
        "2024年2月5日 10:12，Anna <anna@example.se> 写道：",
        "Anna <anna@example.se> 于2024年2月5日周一 10:12写道：",
        "2024年2月5日(月) 10:12 Anna <anna@example.se>:",
        "Понедельник, 5 февраля 2024, 10:12 +03:00 от Anna <anna@example.se>:",
        '05.02.2024, 10:12, "Anna" <anna@example.se>:',
        "Þann mán., 5. feb. 2024 kl. 10:12 skrifaði Anna <anna@example.se>:",
        "pon, 5. velj 2024. u 10:12 Anna <anna@example.se> napisao je:",
        "Missatge de Anna <anna@example.se> del dia dl., 5 de febr. 2024 a les 10:12:",
        "Wiadomość napisana przez Anna <anna@example.se> w dniu 05.02.2024, o godz. 10:12:",
        "Am Montag, 5. Februar 2024 um 10:12:33 MEZ hat Anna <anna@example.se> Folgendes geschrieben:",
        "Anna Karlsson skrev den 2024-02-05 10:12:",
        "Anna kirjoitti 5.2.2024 klo 10.12:",
        "* Anna <anna@example.se> [2024-02-05 10:12]:",
        "Citerar Anna <anna@example.se>:",
        "\u202bבתאריך יום ב׳, 5 בפבר׳ 2024 ב-10:12 מאת Anna <anna@example.se>:\u202c",
    ],
)
def test_an_attribution_in_any_language_begins_the_quote(attribution: str) -> None:
    assert visible(f"Tack för svaret!\n\n{attribution}\n\n> Hej\n> Anna\n") == "Tack för svaret!"


@pytest.mark.parametrize(
    "block",
    [
        "Från: Anna Karlsson <anna@example.se>\nSkickat: den 5 februari 2024 10:12\nTill: jobb@lillestad.se\nÄmne: Fråga",
        "________________________________\nFrån: Anna <anna@example.se>\nSkickat: måndag\nTill: Jobb\nÄmne: Fråga",
        "-----Ursprungligt meddelande-----\nFrån: Anna [mailto:anna@example.se]\nSkickat: den 5 februari",
        "From: Anna <anna@example.se>\nSent: Monday, February 5, 2024 10:12 AM\nTo: Jobb\nSubject: Question",
        "*From:* Anna\n*Sent:* 2024-02-05\n*To:* Jobb\n*Subject:* Question",
        "-----Original Message-----\nFrom: Anna\nSent: Monday\nTo: Jobb\nSubject: Question",
        "Von: Anna\nGesendet: Montag, 5. Februar 2024 10:12\nAn: Jobb\nBetreff: Frage",
        "De : Anna\nEnvoyé : lundi 5 février 2024 10:12\nÀ : Jobb\nObjet : Question",
        "Fra: Anna\nSendt: mandag 5. februar 2024 10:12\nTil: Jobb\nEmne: Spørsmål",
        "Lähettäjä: Anna\nLähetetty: maanantai\nVastaanottaja: Jobb\nAihe: Kysymys",
        "От: Anna\nОтправлено: понедельник\nКому: Jobb\nТема: Вопрос",
        "发件人: Anna\n发送时间: 2024年2月5日\n收件人: Jobb\n主题: 问题",
        "---------- Forwarded message ---------\nFrom: Anna <anna@example.se>\nDate: Mon\nSubject: x",
        "----- Vidarebefordrat meddelande ----- Från: Anna <anna@example.se>Till: Jobb",
        "Vidarebefordrat brev:\n\nFrån: Anna <anna@example.se>\nÄmne: Fråga\nDatum: 5 februari 2024",
        "De la: Anna\nTrimis: luni, 5 februarie 2024 10:12\nCătre: Jobb\nSubiect: Întrebare",
        "Από: Anna\nΣτάλθηκε: Δευτέρα, 5 Φεβρουαρίου 2024\nΠρος: Jobb\nΘέμα: Ερώτηση",
        "-------- Oprindelig besked --------\nFra: Anna\nDato: 05.02.2024 10.12",
        "##- Please type your reply above this line -##\n\nHello",
        "##- Skriv ditt svar ovanför den här linjen -##\n\nHej",
        "==== Bitte schreiben Sie Ihre Antwort oberhalb dieser Linie ====\n\nHallo",
        "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nFrom: Anna\nSent: Monday",
        ">>> Anna <anna@example.se> 02/05/24 10:12 AM >>>",
        ">>> On 2/5/2024 at 10:12 AM, Anna <anna@example.se> wrote:",
    ],
)
def test_a_copied_header_begins_the_quote(block: str) -> None:
    assert visible(f"Se nedan.\n\n{block}\n\nHej, jag undrar en sak.\n") == "Se nedan."


def test_a_bottom_answer_is_visible_and_the_quote_above_it_folded() -> None:
    assert visible("Den 2024-02-05 kl. 10:12, skrev Anna:\n> Kommer du?\n\nJa, jag kommer.\n") == "Ja, jag kommer."


def test_interleaved_answers_are_shown_with_their_quotes() -> None:
    text = "Den 2024-02-05 kl. 10:12, skrev Anna:\n> Kommer du?\nJa.\n> När?\nKlockan tre.\n"
    assert visible(text) == text.strip()


def test_text_behind_the_quote_stays_visible() -> None:
    text = "Hej!\n\nOn Feb 5, 2024, at 10:12, Anna wrote:\n> Kommer du?\n\nPS. Glöm inte nyckeln.\n"
    assert "nyckeln" in visible(text)


def test_the_line_above_a_quote_that_its_author_wrote_is_shown() -> None:
    text = "Hej!\n\nDetta fick jag den 5 maj 2024 kl. 10:12 av Anna <anna@skola.se>:\n> Du är antagen.\n"
    assert "Detta fick jag" in visible(text)


def test_an_attribution_above_what_the_sender_marked_as_quoted_is_folded_in_any_language() -> None:
    body = html_to_text(
        "<div>Ja, jag kommer.</div><div>Laiškas, 05.02.2024, 10:12, Anna &lt;anna@example.se&gt;:</div>"
        "<blockquote type=cite><div>Kommer du?</div></blockquote>"
    )
    ranges = text_ranges(body.text, body.marks, Limits())
    shown = "".join(body.text[one.start : one.end] for one in ranges if one.kind == "visible")
    assert shown.strip() == "Ja, jag kommer."


@pytest.mark.parametrize(
    "text",
    [
        "> bara citat\n",
        "---------- Forwarded message ---------\nFrom: Anna <a@x.se>\nDate: Mon\nSubject: x\n\nVidarebefordrad text.\n",
        "Sent from my iPhone\n",
        "-- \nAnna\n",
        "________________________________\nFrån: Anna\nSkickat: måndag\nTill: Jobb\nÄmne: x\n\nVidarebefordrad text.\n",
    ],
)
def test_where_nothing_would_be_left_nothing_is_folded(text: str) -> None:
    assert visible(text) == text.strip()


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnna Karlsson\nLillestads kommun\n",
        "--\nAnna\n",
        "________________\nAnna Karlsson\n",
        "Skickat från min iPhone\n",
        "Skickat från Outlook för iOS<https://aka.ms/o0ukef>\n",
        "Hämta Outlook för Android<https://aka.ms/ghei36>\n",
        "Sent from my Samsung Galaxy smartphone.\n",
        "Von meinem iPhone gesendet\n",
        "Envoyé de mon iPhone\n",
        "Envoyé à partir de Outlook pour Android\n",
        "Outlook für iOS beziehen\n",
        "Verzonden vanuit Outlook voor Android\n",
        "Få Outlook for iOS\n",
        "Lähetetty iPhonesta\n",
        "Odesláno z iPhonu\n",
        "发自我的iPhone\n",
        "Skickat från webbmail\n",
        "Från min iPhone\n",
    ],
)
def test_signatures_are_folded(signature: str) -> None:
    assert visible(f"Jag kommer.\n\n{signature}") == "Jag kommer."


@pytest.mark.parametrize(
    "text",
    [
        "Jag skrev till er i går:\nmen fick inget svar.",
        "Till: alla som undrar\nVi ses i morgon.",
        "Först\n\n-----\n\n" + "\n".join(f"rad {number} i en lång text" for number in range(40)),
        "Han sa att han var på väg.\nHon skrev ett brev.",
        "```\n> kod\n-- \n```\nslut",
        "Skickat från min dator, eftersom mobilen inte fungerar.\nHälsningar",
        "Frågor:\nFrån: Lillestad\nTill: Storstad\nkör bussen då?",
        "a -- b",
        "Jag söker färdtjänst:\nFrån: Lillestad\nTill: Storstad\nDatum: 5 maj\nMed rullstol.",
        "Hej!\nDen 5 maj skrev jag till er följande:\nVar är min ansökan?",
        "Hej!\nDen 5 maj 2024 kl. 10:12 skrev jag till er:\nVar är min ansökan?",
        "Hello!\nOn 5 May 2024 your office wrote:\nyour application is complete.\nIs it?",
        "Hallo!\nAm 5. Mai schrieb ich Ihnen:\nWo ist mein Antrag?",
        "Hej!\nPå er sida den 5 maj 2024 kl. 10:12 skrev ni:\nvi öppnar klockan nio.\nMen det var stängt.",
        "Hello!\nOn Monday, 5 May 2024 at 10:12 the school wrote:\nclosed.\nWhy?",
        "Hej!\nAnna (anna@skola.se) skrev så här:\nbarnet är sjukt.\nVad gör jag?",
        "Beste,\nOp 5 mei 2024 om 10:12 heeft u mij geschreven:\nwij zijn open.\nMaar het was dicht.",
        "Hej!\n5 maj 2024 kl 10:12 fick jag mejl från Anna <anna@skola.se>:\nDu är antagen.\nStämmer det?",
        "Hur får jag Outlook för iOS att visa er kalender?\nSka jag hämta den för Android?",
        "Hej!\nDen 5 maj 2024 kl 10:12 skrev Anna i er reception:\nkom i morgon.\nDet gick inte.",
        "Hej!\nJag mejlade info@skola.se 2024-05-05 10:12 och skrev:\nhjälp mig.\nInget svar.",
        "Bonjour,\nLe 5 mai 2024 à 10:12, votre service m'a écrit :\nvenez demain.\nC'était fermé.",
        "Hei!\nOpettaja kirjoitti 5.5.2024 klo 10.12 wilmassa:\nkoulu on kiinni.\nMiksi?",
        "Hej!\nDen 5 maj 2024 kl. 10:12 skrev handläggare Anna Ek <anna@skola.se> följande:\navslag.\nVarför?",
        "Hej!\nPå blanketten står det text ovanför den här linjen.\nVad menas?",
        "Hej!\n>>> är tecknet jag ser\nVad betyder det?",
        "Ring mig gärna.\nMin telefon är 070-123 45 67",
        "Call me.\nMy phone is 070-123 45 67",
        "Jag kommer.\nFrom Monday my phone is switched off",
        "Hej!\nGet the mail from the reception tomorrow",
        "Hej!\nJag har skickat mail till er flera gånger",
        "Hej!\nSkickat mail utan svar",
        "Priser:\n| vara | pris |\n| bulle | 10 |",
        "Lista:\n» ett\n» två",
        "Ny anmälan:\n=====\nNamn: Anna\nTelefon: 070",
        "Rubrik\n------\nText under rubriken.",
    ],
)
def test_the_authors_own_words_are_not_taken_for_quotes_or_signatures(text: str) -> None:
    assert visible(text) == text


def test_a_polite_ending_is_no_signature() -> None:
    assert visible("Jag kommer.\n\nMed vänlig hälsning\nAnna\n").endswith("Med vänlig hälsning\nAnna")


HTML_REPLIES = {
    "Gmail": '<div>Tack!</div><br><div class="gmail_quote"><div class="gmail_attr">Den mån 5 feb. 2024 kl 10:12 skrev Bo '
    '&lt;<a>bo@x.se</a>&gt;:<br></div><blockquote class="gmail_quote">Fråga</blockquote></div>',
    "Outlook on the web": '<p>Tack!</p><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Från:</b> Bo &lt;bo@x.se&gt;<br>'
    "<b>Skickat:</b> måndag<br><b>Till:</b> Jobb<br><b>Ämne:</b> x</div><div>Fråga</div>",
    "Outlook": '<p>Tack!</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm"><p><b>From:</b> Bo<br>'
    "<b>Sent:</b> Monday<br><b>To:</b> Jobb<br><b>Subject:</b> x</p></div><p>Fråga</p>",
    "Apple Mail": '<div>Tack!</div><div><br><blockquote type="cite"><div>5 feb. 2024 kl. 10:12 skrev Bo &lt;bo@x.se&gt;:</div>'
    "<div>Fråga</div></blockquote></div>",
    "Thunderbird": '<p>Tack!</p><div class="moz-cite-prefix">Den 2024-02-05 kl. 10:12, skrev Bo:</div>'
    '<blockquote type="cite"><p>Fråga</p></blockquote>',
    "Yahoo": '<div>Tack!</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>Den måndag 5 februari 2024 10:12:00 CET, '
    "Bo &lt;bo@x.se&gt; skrev:</div><div>Fråga</div></div>",
}


@pytest.mark.parametrize("program", HTML_REPLIES)
def test_the_quotes_of_html_mail_programs_are_folded(program: str) -> None:
    converted = html_to_text(HTML_REPLIES[program])
    ranges = text_ranges(converted.text, converted.marks, Limits())
    assert "".join(converted.text[one.start : one.end] for one in ranges if one.kind == "visible").strip() == "Tack!"


def test_a_signature_marked_in_html_is_folded() -> None:
    read = read_mail(
        mail(
            b'<div>Tack ska du ha!</div><div class="gmail_signature"><div>Anna</div><div>Chef</div></div>',
            b"Content-Type: text/html",
        )
    )
    assert (read.visible_text.strip(), read.quoted_text.split()) == ("Tack ska du ha!", ["Anna", "Chef"])


def test_a_signature_stays_with_an_answer_of_one_word() -> None:
    answer = b"Ja\r\n\r\n-- \r\nAnna\r\n\r\n"
    read = read_mail(mail(answer + b"Den 5 maj 2024 10:12 skrev Bo <bo@example.se>:\r\n> Passar det?\r\n"))
    assert read.visible_text.split() == ["Ja", "--", "Anna"]
    assert "Passar" in read.quoted_text


def test_visible_and_folded_text_make_up_the_text() -> None:
    read = read_mail(mail(b"Tack!\n\n-- \nAnna\n\nOn Feb 5, 2024, at 10:12, Bo wrote:\n> Hej\n"))
    assert sorted(read.visible_text + read.quoted_text) == sorted(read.text)


def test_a_text_of_too_many_lines_is_shown_in_full() -> None:
    text = "rad\n" * 30 + "> citat\n"
    assert [one.kind for one in text_ranges(text, (), Limits(quoting_lines=10))] == ["visible"]
