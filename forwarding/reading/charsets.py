"""Octets to text: a cascade that cannot raise, from the declared charset to Latin-1.

A declared charset that decodes strictly wins, except a Western one over letters of another script. Statistical detection
comes last, and only where Windows-1252 is surely wrong: of Western text it guesses worse than that does.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# Labels seen in mail whose meaning is wider than, or absent from, Python's table (WHATWG Encoding, section 4.2).
_ALIASES = {
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "ms936": "gb18030", "gb_2312-80": "gb18030",
    "x-gbk": "gb18030", "euc-cn": "gb18030", "euc-cn-strict": "gb2312", "hz-gb-2312": "hz", "csgb2312": "gb18030", "chinese": "gb18030",
    "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "x-x-big5": "big5hkscs", "csbig5": "big5hkscs", "cn-big5": "big5hkscs",
    "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "ksc5601": "cp949", "ks_c_5601-1989": "cp949", "euc-kr": "cp949",
    "korean": "cp949", "windows-949": "cp949", "ksc_5601": "cp949", "iso-2022-kr": "iso2022_kr",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "ms_kanji": "cp932",
    "windows-31j": "cp932", "cswindows31j": "cp932", "ms932": "cp932", "x-euc-jp": "euc_jp", "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "l1": "cp1252", "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252", "ansi": "cp1252", "ansi_x3.110-1983": "cp1252", "x-ansi": "cp1252",
    "iso-8859-9": "cp1254", "latin5": "cp1254", "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6", "iso-8859-6-e": "iso8859-6", "logical": "iso8859-8", "visual": "iso8859-8",
    "iso-8859-11": "cp874", "windows-874": "cp874", "tis-620": "cp874", "dos-874": "cp874",
    "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "x-unicode-2-0-utf-8": "utf-8", "utf8mb4": "utf-8",
    "x-unicode-2-0-utf-7": "utf-7", "unicode": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16-be",
    "macintosh": "mac_roman", "mac": "mac_roman", "x-mac-roman": "mac_roman", "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2", "koi8": "koi8-r", "koi8-ru": "koi8-u", "koi": "koi8-r", "cyrillic": "iso8859-5",
    "x-cp1250": "cp1250", "x-cp1251": "cp1251", "x-cp1252": "cp1252",
}  # fmt: skip

# Codecs that are no charsets, or that run code paths no mail should reach.
_NOT_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_MULTIBYTE = {
    "utf-8", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "gb18030", "gbk", "hz",
    "big5", "big5hkscs", "cp949", "johab", "euc_kr", "cp932", "shift_jis", "euc_jp", "euc_jis_2004", "euc_jisx0213",
    "shift_jis_2004", "shift_jisx0213", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004",
    "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr", "cp950",
}  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+-]*")
_META_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE
)
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\x0b\x0c\r\x1b"))
_SAMPLE_OCTETS = 4_096
_CONTROL_SHARE = 50  # one control octet in this many makes data
_STRAY_CONTROLS = 2  # so many happen in text, however short
_DETECTION_MINIMUM = 200
_FOREIGN_OCTETS = 16_384  # looked at for another script
_DIFFERENT = 8  # octets in such runs: a row of one sign is no word
_RUN = re.compile(rb"[\x80-\x9f\xa1-\xff]{3,}")
_SIGN_IN_WORD = re.compile(rb"[a-z][\xa1-\xb3\xb5-\xbf][a-z]")  # no letters in Windows-1252, but in others
_KANA_CODECS = ["cp932", "shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "euc_jisx0213"]
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_LABEL_MAXIMUM = 60


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the codec that gave it, and whether the declared charset had to be overruled."""

    text: str
    used: str
    overruled: bool


@lru_cache(maxsize=1024)
def codec_for(label: str) -> str | None:
    """Python codec for a charset label as found in mail, or None when it names no charset we know."""
    match = _LABEL.search(label[:_LABEL_MAXIMUM].lower().replace(" ", "-"))
    if match is None:
        return None
    name = match.group()
    for candidate in _spellings(name):
        if (codec := _lookup(_ALIASES.get(candidate, candidate))) is not None:
            return codec
    return None


def _spellings(name: str) -> tuple[str, ...]:
    bare = name.removeprefix("x-").removeprefix("cs")
    dashed = re.sub(r"^(?:windows|win|cp|dos|ibm|ms)[-_]?(\d{3,5}).*$", r"cp\1", bare)
    iso = re.sub(r"^iso[-_]?8859[-_]?(\d{1,2}).*$", r"iso-8859-\1", bare)
    utf = re.sub(r"^utf[-_]?(8|16|32).*$", r"utf-\1", bare)
    return (name, bare, iso, dashed, utf)


def _lookup(name: str) -> str | None:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    if not getattr(info, "_is_text_encoding", True) or info.name in _NOT_CHARSETS:
        return None
    return "cp1252" if info.name == "iso8859-1" else info.name


def decode(data: bytes, declared: str = "", *, html: bool = False, detection_octets: int = 8 * 1024) -> Decoded:
    """Decode `data`, preferring what is declared and provable; never raises and loses no octet that shows."""
    if data.isascii() and b"\x1b" not in data and (not declared or _ascii_is_itself(declared)):
        return Decoded(data.decode("ascii"), "us-ascii", False)
    for mark, codec in _BOMS:
        if data.startswith(mark) and (text := _strict(data[len(mark) :], codec)) is not None:
            return Decoded(text, codec, False)
    named = codec_for(declared) if declared else None
    if _is_escaped(data, named) and (text := next(_strict_of(data, _escape_codecs(data)), None)) is not None:
        return Decoded(text, "iso2022_jp", named not in (None, "ascii"))
    if named == "cp1252" and _strict(data, "utf-8") is None and (text := _mended(data, "utf-8")) is not None:
        return Decoded(text, "utf-8", True)
    if named == "cp1252" and _is_foreign(data) and (guessed := _guessed(data, detection_octets)).used != "cp1252":
        return guessed
    if named is not None and (decoded := _as_declared(data, named)) is not None:
        return decoded
    return _undeclared(data, named, html=html, detection_octets=detection_octets)


def is_binary(data: bytes, declared: str = "") -> bool:
    """True for data under a text label: control octets that no charset but UTF-16 and UTF-32 would hold."""
    middle = len(data) // 2
    sample = data[:_SAMPLE_OCTETS] + data[middle : middle + _SAMPLE_OCTETS]
    if (sample.isascii() and b"\x00" not in sample) or sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if (codec_for(declared) or "").startswith(("utf-16", "utf-32")):
        return False
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > _STRAY_CONTROLS and controls * _CONTROL_SHARE > len(sample)


def _ascii_is_itself(declared: str) -> bool:
    """True where ASCII octets mean ASCII: everything but UTF-7, UTF-16, UTF-32 and HZ."""
    codec = codec_for(declared)
    return codec is None or not codec.startswith(("utf-7", "utf-16", "utf-32", "hz"))


def _as_declared(data: bytes, named: str) -> Decoded | None:
    if named == "ascii":
        return None
    if named not in _MULTIBYTE and (text := _strict(data, "utf-8")) is not None:
        # Text that is valid UTF-8 beyond ASCII is practically never meant as a single-octet charset.
        return Decoded(text, "utf-8", not data.isascii())
    if named.startswith("utf-16") and b"\x00" not in data and data.isascii():
        return Decoded(data.decode("ascii"), "us-ascii", True)
    if named == "utf-16":
        named = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    text = _strict(data, named)
    return None if text is None else Decoded(text, named, False)


def _undeclared(data: bytes, named: str | None, *, html: bool, detection_octets: int) -> Decoded:
    if html and (meta := _META_CHARSET.search(data[:4096])):
        codec = codec_for(meta.group(1).decode("ascii"))
        if codec is not None and codec != "ascii" and (text := _strict(data, codec)) is not None:
            return Decoded(text, codec, named is not None)
    for codec in ("utf-8", *_escape_codecs(data), *_siblings(named)):
        if (text := _strict(data, codec)) is not None:
            return Decoded(text, codec, named not in (None, "ascii"))
    if named in _MULTIBYTE and (text := _mended(data, named)) is not None:
        return Decoded(text, named, True)
    if (text := _mended(data, "utf-8")) is not None:
        return Decoded(text, "utf-8", True)
    if named not in (None, "ascii", "cp1252") and named not in _MULTIBYTE and named is not None:
        return Decoded(_decode_by_table(data, named), named, True)
    return _guessed(data, detection_octets)


def _is_escaped(data: bytes, named: str | None) -> bool:
    """True for ISO 2022 under no label or another one: its octets are ASCII, so that most charsets would take them."""
    return b"\x1b$" in data and data.isascii() and not (named or "").startswith(("iso2022", "utf-7", "hz"))


def _strict_of(data: bytes, codecs_to_try: tuple[str, ...]) -> Iterator[str]:
    return (text for codec in codecs_to_try if (text := _strict(data, codec)) is not None)


def _escape_codecs(data: bytes) -> tuple[str, ...]:
    """ISO 2022 announces itself by escape sequences, whatever the label says."""
    if b"\x1b$" in data or b"\x1b(" in data:
        return ("iso2022_jp_ext", "iso2022_jp_2", "iso2022_kr")
    return ()


def _siblings(named: str | None) -> tuple[str, ...]:
    """Charsets of the same language, often mistaken for each other; the stricter one first."""
    if named in ("iso2022_jp_ext", "cp932", "euc_jp"):
        return ("iso2022_jp_ext", "euc_jp", "cp932")
    if named in ("gb18030", "big5hkscs", "hz"):
        return ("gb18030", "big5hkscs")
    return ()


def _mended(data: bytes, codec: str) -> str | None:
    """Decode with single wrong octets read as Windows-1252, if the rest is clearly `codec`."""
    if codec.startswith(("utf-16", "utf-32")):
        return data.decode(codec, "replace")
    high = len(data) - len(data.translate(None, _HIGH))
    kept = data.decode(codec, "ignore").encode(codec, "ignore")
    broken = len(data) - len(kept)
    most = 2 if codec == "utf-8" else 10  # of other charsets anything passes for a good part, of UTF-8 little does
    return data.decode(codec, "windows_1252") if broken * most <= high and broken <= _MENDED_OCTETS else None


_MENDED_OCTETS = 20_000  # more than this takes too long
_HIGH = bytes(range(0x80, 0x100))


def _guessed(data: bytes, detection_octets: int) -> Decoded:
    """Detection is asked where Windows-1252 is surely wrong; of Western text it makes Hungarian or Latvian."""
    foreign = _is_foreign(data)
    if detection_octets and (foreign or (len(data) >= _DETECTION_MINIMUM and _SIGN_IN_WORD.search(data))):
        codec = _japanese(data) or _detected(data, detection_octets)
        text = _strict(data, codec) if codec is not None else None
        if text is not None and codec is not None:
            return Decoded(text, codec, True)
    return Decoded(decode_western(data), "cp1252", True)


def _is_foreign(data: bytes) -> bool:
    """True where most octets beyond ASCII stand three or more in a row: letters of another script than the Latin one."""
    sample = data[:_FOREIGN_OCTETS]
    if sample.isascii():
        return False
    runs = b"".join(_RUN.findall(sample))
    return len(set(runs)) >= _DIFFERENT and 2 * len(runs) >= len(sample) - len(sample.translate(None, _HIGH))


def _japanese(data: bytes) -> str | None:
    """Shift JIS or EUC by their kana, which are a third or more of Japanese text and rare in what other charsets make."""
    for codec in ("cp932", "euc_jp"):
        text = _strict(data, codec) or ""
        if (kana := len(_KANA.findall(text))) and kana * 3 >= sum(not character.isascii() for character in text):
            return codec
    return None


def _detected(data: bytes, detection_octets: int) -> str | None:
    from charset_normalizer import from_bytes  # heavy to import, rarely needed

    best = from_bytes(data[:detection_octets], steps=5, chunk_size=512, cp_exclusion=_KANA_CODECS).best()
    return None if best is None else codec_for(best.encoding)


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def decode_western(data: bytes) -> str:
    """Windows-1252 with its five holes filled, so that it cannot fail."""
    return _decode_by_table(data, "cp1252")


def _decode_by_table(data: bytes, codec: str) -> str:
    """Decode a single-octet charset; octets it does not define are read as Windows-1252 or Latin-1."""
    return codecs.charmap_decode(data, "strict", _table(codec))[0]


@lru_cache(maxsize=64)
def _table(codec: str) -> str:
    octets = (bytes([octet]) for octet in range(256))
    return "".join(
        octet.decode(codec, "ignore") or octet.decode("cp1252", "ignore") or octet.decode("latin-1") for octet in octets
    )


def _windows_1252_errors(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: the octets that do not decode are read as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return decode_western(error.object[error.start : error.end]), error.end


codecs.register_error("windows_1252", _windows_1252_errors)
