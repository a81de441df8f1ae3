"""What one line of a mail is: text, quote, attribution, copied header, signature. Data in many languages.

Every pattern is tried on one line of bounded length, and none can backtrack over more than that line.
"""

import re
from enum import Enum


class Line(Enum):
    """Kind of a line, as far as the line alone tells."""

    EMPTY = "empty"
    TEXT = "text"
    QUOTE = "quote"
    ATTRIBUTION = "attribution"
    SEPARATOR = "separator"
    HEADER = "header"
    DELIMITER = "delimiter"
    DEVICE = "device"
    MARKED_SIGNATURE = "marked signature"
    ENCODED = "encoded"


LINE_MAXIMUM = 600  # characters of a line that are looked at

# "wrote" and its like; "skrev" serves Swedish, Danish and Norwegian.
_VERBS = (
    r"wrote|writes|said|skrev|skrifaði|schrieb|geschrieben|schreef|geschreven|a écrit|ecrit|écrit|escribi[oó]|escreveu|ha scritto|scrisse"
    r"|napisał(?:\(a\)|a)?|napisal(?:\(a\))?|pisze|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|написал(?:\(а\)|а)?|пишет|пише"
    r"|написав(?:\(ла\)|ла)?|писал(?:\(а\)|и)?|написа|kirjoitti|kirjutas|írta|yazdı|yazmış|a scris|je napisa[ol](?:/la|la)?"
    r"|napisao(?:/la)? je|napisala je|napisana przez"
    r"|έγραψε|va escriure|rašė|rakstīja|đã viết|menulis|写道|寫道|のメール|書きました|작성|כתב(?:/ה|ה)?|كتب|تمت كتابة|نوشت"
)
_VERB = re.compile(
    rf"(?:^|[\s>\"'”)\]]|(?<=[\u3000-\u9fff\uac00-\ud7af 0-9]))(?:{_VERBS})(?=[\s:：,.\"<(*\xa0]|$)", re.IGNORECASE
)
_DIRECTIONS = "\u200e\u200f\u202a-\u202e"  # signs of writing direction, beside names and at the end of lines
_ATTRIBUTION_END = re.compile(rf"(?:[:：]|:\*|wrote\s*-{{2,}}|\s-{{3,}})[\s\xa0*{_DIRECTIONS}]*$")
_ENDS = (":", "：", "-", "*", "\u200f", "\u202c")
_TORN_END = re.compile(rf"\s*>\s*(?:{_VERBS})\s*[:：]\s*$", re.IGNORECASE)
_ATTRIBUTION_START = re.compile(
    r"[\s>*_-]*(?:On|At|In article|Den|På|Kl|Am|Le|El|Em|Il|Op|Dnia|W dniu|Dne|Dňa|Dana|La|Στις|На|В|ב|在|于|於|Vào|Pada"
    r"|\d{1,4}\s?[-/.年]|\d{1,2}\s\w{3,12}\.?|(?:mån|tis|ons|tors?|fre|lör|sön|man|tir|tor|lør|søn|ma|ti|ke|to|pe|la|su"
    r"|mon|tue|wed|thu|fri|sat|sun|lun|mar|mer|jeu|ven|sam|dim|пн|вт|ср|чт|пт|сб|вс)\w*\.?,?\s)"
)
_ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?|<\s*mailto:|via ")
_DATE = re.compile(r"\d{1,2}[:.h]\d{2}|\d{4}|\d{1,2}[-/.]\d{1,2}|\d{1,2}\.?\s\w{3,}")
_CLOCK = re.compile(r"\b\d{1,2}[:.h]\d{2}\b")
_FIRST_PERSON = re.compile(
    r"\b(?:skrev (?:jag|vi|jeg)|(?:jag|vi|jeg|I|we) (?:skrev|wrote)|schrieb(?:en)? (?:ich|wir)|(?:ich|wir) schrieb(?:en)?"
    r"|schreef ik|ik schreef|j['’]ai écrit|kirjoitin)\b",
    re.IGNORECASE,
)
# Programs put a name beside the verb; "skrev ni", "the school wrote", "schreef u" are words of an author.
_TOLD = re.compile(
    r"\b(?:skrev (?:ni|du|dere|man|han|hon|hun|de|min|mitt|er|ert|vår|vårt|en|ett|så här|följande)"
    r"|(?:ni|du|dere|han|hon|hun|you|they|he|she|(?:the|our|your|my|his|her|their) \w{1,40}) (?:skrev|wrote)"
    r"|schrieb(?:en|st)? (?:sie|er|man|du)|(?:sie|er) schrieb(?:en)?|haben (?:sie|wir) .{0,80}geschrieben"
    r"|schreef (?:u|je|men)|(?:heeft|hebt|heb) (?:u|ze|je|men|mij|ons|ik)\b.{0,80}geschreven|vous (?:m['’]|nous )?avez écrit"
    r"|kirjoititte|(?:följande|følgende)(?=:)"
    r"|(?:skrev|wrote|schrieb|schreef) (?:till? (?:mig|meg|oss)|to (?:me|us)|an (?:mich|uns)|aan (?:mij|ons)))\b",
    re.IGNORECASE,
)
_BARE_ATTRIBUTION = re.compile(
    r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}\s[^<>]{1,100}<[^<>@\s]{1,64}@[^<>@\s]{1,255}>:?\s*$"
    r"|\s*\w{2,4}\.?,\s\d{1,2}\s[^<>]{1,40}\d{1,2}:\d{2}[^<>]{1,100}<[^<>@\s]{1,64}@[^<>@\s]{1,255}>:\s*$"
    r"|\s*(?:\w{1,15}\.?,?\s{1,2})?\d{1,4}[^<>@]{2,50}?\b\d{1,2}[:.]\d{2}(?P<name>[^<>@]{1,100})<[^<>@\s]{1,64}@[^<>@\s]{1,255}>:\s*$"
)
_SENTENCE = re.compile(r"(?<!\w)[a-zåäöæøüéèñß]{4,}")
_AUTHOR = re.compile(
    r"\b(?:jag|vi|mig|oss|jeg|meg|ich|wir|mir|uns|ik|wij|mij|ons|I|we|us|nous|yo|noi|fick|got|received|erhielt|kreeg|reçu)\b",
    re.IGNORECASE,
)
_BARE_ADDRESS = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")
_DIGITLESS_END = re.compile(r"(?<!\D)\D{0,600}$")
_DIGITLESS_START = re.compile(r"\D*")
_FILLING = re.compile(
    r"\b(?:folgendes|volgende|heeft|horas|klockan|kello|użytkownik|odesílatel|uživatel|keltezéssel|tarihinde)\b"
)
_ADDRESS_IN_ANGLE = re.compile(r"[<(]\s?[^\s<>()@]{1,64}@[^\s<>()@]{1,255}[>)]")
_QUOTING = re.compile(
    r"\s*(?:quoting|citerar|citerer|zitat von|citando|citation de|cito|quoto|citeren van|lainaus|cytowanie) .{1,150}[:：]\s*$",
    re.IGNORECASE,
)

_SEPARATOR = re.compile(
    r"[\s>*]*[-_=‐-―]{2,}\s*(?:"
    r"original[\s-]?(?:message|nachricht|meddelande|melding|besked)?|oprindelig (?:meddelelse|besked)|opprinnelig melding"
    r"|ursprung(?:ligt|sligt) meddelande|ursprüngliche nachricht|message d['’]origine|mensaje original|mensagem original"
    r"|messaggio originale|oorspronkelijk bericht|oryginalna wiadomość|wiadomość oryginalna|původní zpráva|pôvodná správa"
    r"|alkuperäinen viesti|исходное сообщение|пересылаемое сообщение|конец перенаправленного.{0,20}|eredeti üzenet"
    r"|orijinal mesaj|mesaj original|原始邮件|原始郵件|元のメッセージ|원본 메시지"
    r"|forwarded message|forwarded by .{1,60}|vidarebefordrat meddelande|weitergeleitete nachricht|message transféré"
    r"|mensaje reenviado|mensagem encaminhada|messaggio inoltrato|doorgestuurd bericht|videresendt (?:meddelelse|melding)"
    r"|välitetty viesti|reply message|antwort|appointment|reply above this line.{0,60}|svar(?:a)? ovanför.{0,60}"
    r"|přeposlaná zpráva|preposlaná správa|перенаправлене повідомлення|mesaj redirecționat|mensagem reencaminhada"
    r"|przesłana wiadomość|továbbított üzenet|iletilen mesaj|edastatud kiri|转发邮件|轉寄郵件"
    r")\b(?:.{0,60}?[-_=‐-―\s*]*$|\s*[-_=‐-―]{2,})"
    r"|\s*[-_=#*~]{2,}+\s?[^\n]{3,80}?\b(?:above this line|ovanför (?:denna|den här) (?:rad\w*|linje\w*)|over denne linj\w+"
    r"|oberhalb dieser (?:linie|zeile)|au-dessus de cette ligne|encima de esta línea|boven deze (?:regel|lijn)"
    r"|sopra questa (?:riga|linea)|powyżej tej linii|tämän rivin yläpuolelle|acima desta linha)\b.{0,40}$"
    r"|\s*>>>\s[^<>]{0,100}(?:<[^\s<>@]{1,64}@[^\s<>@]{1,255}>[^<>]{0,60}|\d{1,2}[:.]\d{2}[^<>]{0,20})(?:>>>|:)\s*$"
    r"|\s*(?:begin forwarded message|vidarebefordrat (?:brev|mejl)|början på vidarebefordrat meddelande"
    r"|anfang der weitergeleiteten (?:nachricht|e-mail)|début du (?:message|courriel) (?:réexpédié|transféré)"
    r"|inizio messaggio inoltrato|inicio del mensaje reenviado|início da mensagem (?:reencaminhada|encaminhada)"
    r"|begin doorgestuurd bericht|začiatok preposlanej správy|începe mesajul redirecționat|začátek přeposlané zprávy)\s?:\s*$",
    re.IGNORECASE,
)

_FROM = (
    r"from|från|fra|frå|von|van|de(?: la)?|da|od|από|от|від|lähettäjä|expéditeur|remitente"
    r"|feladó|kimden|gönderen|saatja|发件人|寄件者|差出人|보낸 사람"
)
_OTHER = (
    r"sent|date|to|cc|bcc|subject|reply-to|importance|attachments|skickat|datum|till|kopia|ämne|svar till|bilagor"
    r"|sendt|dato|til|emne|kopi|gesendet|an|betreff|kopie|antwort an|envoyé|à|objet|cc|copie à|enviado(?: el| em)?|fecha|para"
    r"|asunto|assunto|data|inviato|oggetto|verzonden|aan|onderwerp|wysłano|do|temat|dw|odesláno|komu|předmět|kopie|odoslané"
    r"|predmet|отправлено|дата|кому|тема|копия|надіслано|lähetetty|vastaanottaja|päivämäärä|aihe|pvm|kopio|elküldve|dátum"
    r"|címzett|tárgy|tarih|kime|konu|gönderildi|trimis|către|subiect|στάλθηκε|ημερομηνία|προς|θέμα|发送时间|收件人|主题|抄送|日期|寄件日期|收件者|主旨|送信日時|宛先|件名"
    r"|받는 사람|날짜|제목|sent by|sent on|message-id|organization|organisation|priority|when|where"
)
_HEADER = re.compile(rf"[\s>|]*\*?_?(?:{_FROM}|{_OTHER})\*?\s?[:：]\*?(?:\s|\*|$|(?=\S))", re.IGNORECASE)
_FROM_HEADER = re.compile(rf"[\s>|]*\*?(?:{_FROM})\*?\s?[:：]", re.IGNORECASE)
_SUBJECT_HEADER = re.compile(
    r"[\s>|]*\*?(?:subject|ämne|emne|betreff|objet|asunto|assunto|oggetto|onderwerp|temat|předmět|predmet|тема|aihe|tárgy"
    r"|konu|subiect|θέμα|主题|主旨|件名|제목)\*?\s?[:：]",
    re.IGNORECASE,
)

_QUOTE = re.compile(r"[ \t]{0,8}(?:[>|»]|\w{1,12}>(?!\S))|[ \t]{0,8}[A-Z]\w{0,11}> ")
# Other signs than `>` quote only below an attribution: a row of a table and a list may begin with them, too.
_WEAK_QUOTE = re.compile(r"[ \t]{0,8}(?:[|»]|\w{1,12}>)")
_DASHES = "-_—–‐‑―ᐧ"
_DELIMITER = re.compile(rf"[\s>]{{0,8}}[{_DASHES}]{{2,}}\s*$|\s*—\s*$")
_UNDERLINE = re.compile(r"\s{0,8}[-–—]{4,}\s*$")

_DEVICES = (
    r"iphon\w*|ipad\w*|ipod|android|blackberry|windows\w*|phone|mobile?|mobil\w*|mobiltelefon|telefon\w*|telefono|téléphone|móvil"
    r"|celular|smartphone|samsung|galaxy|huawei|htc|nokia|xperia|sony|lg|pixel|outlook|yahoo|gmail|mailbox|airmail|mail"
    r"|tablet|surfplatta|surface|k-9|k9|cell\w*|device|gerät|mobilgerät|nexus|oneplus|alcatel|ti-85|proton\w*|aol|sparrow"
    r"|spark|e-?post|epost|fairphone|handy|treo|palm|kindle|nine|aqua|boxer|bluemail|newton|typeapp|webb?mail|puhelin\w*|sähköposti\w*"
)
_SENT = (
    r"(?:sent|posted|written|typed) (?:from|via|with|by|using|on|through)"
    r"|(?:skickat|skickad|skickades|sänt|sänd|sendt|sendes) (?:från|fra|via|med|genom|gjennom)"
    r"|(?:gesendet|geschrieben) (?:von|mit|via|über)|(?:verstuurd|verzonden) (?:vanaf|vanuit|met|via|van)"
    r"|envoyé (?:à partir de|de|depuis|avec|par|via)|enviat des|saadetud minu|(?:el)?küldve az?"
    r"|изпратено от|(?:enviado|escrito) (?:desde|de|do|com|con|por|via|a partir)"
    r"|inviato (?:da|dal|con|tramite)|wysłan[eoay] (?:z|ze|przez)|odesláno (?:z|ze|pomocí)|odoslané (?:z|zo)"
    r"|lähetetty|отправлено (?:с|из|через)|надіслано (?:з|із|через)|trimis (?:de|din|cu)|poslano (?:z|s|iz)"
)
# Only forms that mail programs write: "My phone is …" or "Get the mail …" are words of the author.
_DEVICE = re.compile(
    rf"[\s<(*\[_]{{0,6}}(?:{_SENT})\b[^,;:!?]{{0,60}}?\b(?:{_DEVICES})\b.{{0,100}}$"
    rf"|[\s<(*\[_]{{0,6}}(?:from (?:my|a)|från min|von meine[mr]) [^,;:!?.]{{0,20}}?\b(?:{_DEVICES})\b[^,;:!?.]{{0,20}}\.?$"
    r"|[\s<(*]{0,6}(?:get|download|hämta|hent|télécharge[rz]|obtenga|obtén|obter|scarica|pobierz|lataa) [\[(<]{0,2}outlook\b.{0,80}$"
    r"|[\s<(*]{0,6}(?:få|skaff deg|hanki|obtenir|obtener|obter o|ottieni|pobierz aplikację)"
    r" [\[(<]{0,2}outlook .{0,20}\b(?:ios|android)\b.{0,50}$"
    r"|[\s<(*\[]{0,6}outlook (?:für|voor) (?:ios|android) (?:beziehen|herunterladen|downloaden)\b.{0,50}$"
    r"|\s*provenance\s: courrier pour windows.{0,10}$|\s*(?:iphone|ipad)['’]?\w{0,6} gönderildi\s*$"
    r"|\s*(?:diese nachricht wurde )?von meine[mr] [^,;:!?.]{1,60} (?:gesendet|geschickt)\.?\s*$"
    r"|\s*\w{1,20} from (?:my )?mobile\s*$"
    r"|[\s(*]{0,4}(?:sent from my|skicka[dt] från min|skicka[dt] fra min|sendt fra min|gesendet von meine[mr]"
    r"|envoyé (?:de|depuis) mon|enviado (?:desde|do) (?:mi|meu)|inviato dal mio|verstuurd vanaf mijn) [^,;:!?.]{1,30}[.)*]?$"
    r"|\s*(?:发自我的|發自我的) ?(?:iPhone|iPad|.{1,12}手机)\s*$"
    r"|\s*(?:從我的|从我的|我的).{0,20}(?:傳送|发送|發送|寄出).{0,10}$|\s*(?:iPhone|iPad|Android)から送信.{0,10}$"
    r"|\s*나의 .{1,20}에서 보냄.{0,10}$",
    re.IGNORECASE,
)
_DEVICE_MAXIMUM = 110
_FENCE = re.compile(r"\s{0,3}```")


def kind_of(line: str) -> Line:
    """Kind of one line, without its neighbours. What no kind can do without is looked for before its pattern."""
    line = line[:LINE_MAXIMUM]
    stripped = line.strip()
    if not stripped:
        return Line.EMPTY
    colon = ":" in line or "：" in line
    if (colon or "-" in line or "_" in line or "=" in line or stripped[0] in "‐‑‒–—―") and _SEPARATOR.match(line):
        return Line.SEPARATOR
    if (">" in line or "|" in line or "»" in line) and _QUOTE.match(line):
        return Line.QUOTE
    if stripped[-1] in _DASHES and _DELIMITER.match(line):
        return Line.DELIMITER
    if colon and _HEADER.match(line):
        return Line.HEADER
    if len(line) <= _DEVICE_MAXIMUM and _DEVICE.match(line):
        return Line.DEVICE
    return Line.TEXT


def is_fence(line: str) -> bool:
    """True for the line that opens or closes a block of code."""
    return "```" in line and _FENCE.match(line) is not None


def is_weak_quote(line: str) -> bool:
    """True for `|`, `»` and `Name>`, which quote only where an attribution says so."""
    return _WEAK_QUOTE.match(line[:LINE_MAXIMUM]) is not None


def is_underline(line: str) -> bool:
    """True for a row of dashes, which right below a line of text is the underline of a heading."""
    return _UNDERLINE.match(line[:LINE_MAXIMUM]) is not None


def is_from_header(line: str) -> bool:
    """True for a copied From header in any language."""
    return _FROM_HEADER.match(line[:LINE_MAXIMUM]) is not None


def is_subject_header(line: str) -> bool:
    """True for a copied Subject header in any language."""
    return _SUBJECT_HEADER.match(line[:LINE_MAXIMUM]) is not None


def has_verb(line: str) -> bool:
    """True when the line holds "wrote" in some language; only such lines can end or carry an attribution."""
    return _VERB.search(line[:LINE_MAXIMUM]) is not None


def ends_torn_attribution(line: str) -> bool:
    """`> wrote:`, left alone when a program breaks the address of an attribution into lines of its own."""
    return _TORN_END.match(line[:LINE_MAXIMUM]) is not None


def ends_attribution(line: str) -> bool:
    """True when an attribution may end with this line."""
    return line.rstrip()[-1:] in _ENDS and _ATTRIBUTION_END.search(line[:LINE_MAXIMUM]) is not None


def starts_attribution(line: str) -> bool:
    """True when an attribution may begin with this line."""
    return _ATTRIBUTION_START.match(line[:LINE_MAXIMUM]) is not None


def names_somebody(text: str) -> bool:
    """True when text holds an address."""
    return ("@" in text or "mailto:" in text or "via " in text) and _ADDRESS.search(text) is not None


def names_time(text: str) -> bool:
    """True when text holds a date or a time of day."""
    return _DATE.search(text) is not None


def names_clock(text: str) -> bool:
    """True when text holds a time of day."""
    return _CLOCK.search(text) is not None


def is_first_person(text: str) -> bool:
    """True for "skrev jag", "I wrote" and the like: the author tells something, no program does."""
    return _FIRST_PERSON.search(text) is not None


def is_told(text: str) -> bool:
    """True for "skrev ni", "the school wrote": the author most likely tells something; only quoted lines below refute it."""
    if is_first_person(text) or _TOLD.search(text) is not None:
        return True
    if _ADDRESS_IN_ANGLE.search(text) is not None:
        return False
    return _AUTHOR.search(text) is not None or _SENTENCE.search(_beside_date(text)) is not None


def _beside_date(text: str) -> str:
    """What stands where programs put a name: behind the date, or in front of one that ends the line; without the verb."""
    text = _VERB.sub(" ", _BARE_ADDRESS.sub(" ", text))
    behind = _DIGITLESS_END.search(text)
    name = behind.group() if behind is not None else ""
    return _FILLING.sub(" ", name if any(map(str.isalpha, name)) else _DIGITLESS_START.match(text).group())  # type: ignore[union-attr]  # matches everything


def is_bare_attribution(line: str) -> bool:
    """Gmail in some languages: date, name and address without a verb."""
    match = _BARE_ATTRIBUTION.match(line[:LINE_MAXIMUM]) if "@" in line else None
    return match is not None and not _SENTENCE.search(match["name"] or "")


def announces_quote(text: str) -> bool:
    """A time or "Quoting", an address in angles, and no word of an author's: evident above quoted lines in any language."""
    if _ADDRESS_IN_ANGLE.search(text) is None or _AUTHOR.search(text) is not None:
        return False
    return names_clock(text) or _QUOTING.match(text) is not None
