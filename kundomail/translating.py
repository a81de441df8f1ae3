"""Which texts the code and the templates want translated, and what the Swedish catalogues lack.

Nothing outside Python is needed: code is read by `ast`, templates by Django's own `templatize`, which blanks
everything except calls of gettext.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Message as Entry
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

APPS = ("organizations", "whitelabel", "inboxes", "conversations", "forwarding", "kundomail")
TEMPLATE_OWNERS = {
    "account": "organizations",
    "mfa": "organizations",
    "allauth": "organizations",
    "base": "kundomail",
    "components": "kundomail",
}
"""Folders of templates/ without an app of the same name; pages at its root belong to the project."""

# Which arguments of a gettext function hold the context, the singular and the plural.
_SIMPLE, _PLURAL, _CONTEXT = (None, 0, None), (None, 0, 1), (0, 1, None)
_SHAPES = {"gettext": _SIMPLE, "ngettext": _PLURAL, "pgettext": _CONTEXT, "npgettext": (0, 1, 2)}
_FUNCTIONS = {name + suffix: shape for name, shape in _SHAPES.items() for suffix in ("", "_lazy")}
_FUNCTIONS |= {"gettext_noop": _SIMPLE, "_noop": _SIMPLE, "_": _SIMPLE}
_NAME = re.compile(r"\b(?:n?p?gettext|_)\(")
_LITERAL = re.compile(r"""\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*(,?)""", re.DOTALL)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


@dataclass(frozen=True)
class Text:
    """One text to translate, as gettext identifies it; `plural` is empty for texts without a number."""

    singular: str
    plural: str = ""
    context: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a catalogue files it under."""
        return self.context, self.singular


@dataclass(frozen=True)
class Fault:
    """Something a catalogue lacks or has wrong, in one line for the terminal."""

    app: str
    text: Text
    what: str

    def __str__(self) -> str:
        context = f" [{self.text.context}]" if self.text.context else ""
        return f"{self.app}: {self.what}: {self.text.singular!r}{context}"


def texts_of_code(source: str) -> Iterator[Text]:
    """Every text that Python code marks for translation, under whatever name it imports gettext."""
    tree = ast.parse(source)
    functions = dict(_FUNCTIONS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            functions |= {
                each.asname: _FUNCTIONS[each.name] for each in node.names if each.asname and each.name in functions
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (shape := functions.get(_called(node))):
            yield from _text([_constant(argument) for argument in node.args], shape)


def texts_of_template(source: str) -> Iterator[Text]:
    """Every text that a template marks for translation; raises TemplateSyntaxError as Django would."""
    calls = templatize(source)
    for match in _NAME.finditer(calls):
        yield from _text(list(_literals(calls, match.end())), _FUNCTIONS[match[0][:-1]])


def texts_of(checkout: Path, app: str) -> set[Text]:
    """Every text of an app's code and of its templates."""
    code = (path for path in (checkout / app).rglob("*.py") if "migrations" not in path.parts)
    texts = {text for path in code for text in texts_of_code(path.read_text(encoding="utf-8"))}
    for path in _templates(checkout, app):
        texts.update(texts_of_template(path.read_text(encoding="utf-8")))
    return texts


def faults(checkout: Path) -> list[Fault]:
    """What is missing or wrong in the Swedish catalogues, sorted by app and text."""
    catalogues = {app: swedish(checkout, app) for app in APPS}
    found = [fault for app in APPS for fault in _missing(app, texts_of(checkout, app), catalogues[app])]
    found += [fault for app in APPS for fault in _misfits(app, catalogues[app].values())]
    found += _contradictions(catalogues)
    return sorted(found, key=lambda fault: (APPS.index(fault.app), fault.what, fault.text.singular))


def swedish(checkout: Path, app: str) -> dict[tuple[str, str], Entry]:
    """The entries of an app's Swedish catalogue that have a translation, by context and text."""
    path = checkout / "locale" / app / "sv" / "LC_MESSAGES" / "django.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="sv", abort_invalid=True) if entry.id]
    return {_entry_text(entry).key: entry for entry in entries if _is_translated(entry)}


def _missing(app: str, texts: Iterable[Text], catalogue: dict[tuple[str, str], Entry]) -> Iterator[Fault]:
    for text in texts:
        entry = catalogue.get(text.key)
        if entry is None:
            yield Fault(app, text, "no Swedish for")
        elif text.plural and _entry_text(entry).plural != text.plural:
            yield Fault(app, text, "no Swedish plural for")


def _misfits(app: str, entries: Iterable[Entry]) -> Iterator[Fault]:
    """Translations that would print a placeholder, or lose what it stands for."""
    for entry in entries:
        text = _entry_text(entry)
        wanted = set(_PLACEHOLDER.findall(text.plural or text.singular))
        if any(set(_PLACEHOLDER.findall(each)) != wanted for each in _strings(entry)[-1:]):
            yield Fault(app, text, "other placeholders in the Swedish of")


def _contradictions(catalogues: dict[str, dict[tuple[str, str], Entry]]) -> Iterator[Fault]:
    """The catalogues become one: of two translations of a text, only one would ever be seen."""
    seen: dict[tuple[str, str], Entry] = {}
    for app, catalogue in catalogues.items():
        for key, entry in catalogue.items():
            first = seen.setdefault(key, entry)
            if _strings(first) != _strings(entry):
                yield Fault(app, _entry_text(entry), f"another app says {_strings(first)[0]!r} for")


def _templates(checkout: Path, app: str) -> Iterator[Path]:
    for path in sorted((checkout / "templates").rglob("*.*")):
        folder = path.relative_to(checkout / "templates").parts[0]
        owner = "kundomail" if folder == path.name else TEMPLATE_OWNERS.get(folder, folder)
        if owner == app and path.suffix in {".html", ".txt"}:
            yield path


def _text(arguments: list[str | None], shape: tuple[int | None, int, int | None]) -> Iterator[Text]:
    """The text of one call; nothing when an argument is not a constant, as in a function that passes it on."""
    context, singular, plural = (_argument(arguments, index) for index in shape)
    if singular and None not in (context, plural):
        yield Text(singular, plural or "", context or "")


def _argument(arguments: list[str | None], index: int | None) -> str | None:
    if index is None:
        return ""
    return arguments[index] if index < len(arguments) else None


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _literals(calls: str, start: int) -> Iterator[str]:
    """The string arguments of a call that begins at `start`, up to its first argument of another kind."""
    while match := _LITERAL.match(calls, start):
        yield ast.literal_eval(match[1])
        if not match[2]:
            return
        start = match.end()


def _entry_text(entry: Entry) -> Text:
    forms = [entry.id] if isinstance(entry.id, str) else list(entry.id)
    return Text(forms[0], forms[1] if len(forms) > 1 else "", entry.context or "")


def _strings(entry: Entry) -> list[str]:
    return [entry.string] if isinstance(entry.string, str) else list(entry.string or ())


def _is_translated(entry: Entry) -> bool:
    return all(_strings(entry)) and bool(entry.string) and not entry.fuzzy
