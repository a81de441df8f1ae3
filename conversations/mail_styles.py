"""Which CSS declarations of a mail's style attributes are kept. Pure.

Everything that could load, overlay, move or animate is dropped: no url(), no position, no transform. See also
`conversations.sanitising`; source of the rule: CSS Syntax Level 3 as read by tinycss2.
"""

from __future__ import annotations

import re

import tinycss2

STYLE_CHARACTERS_MAX = 4000  # longer style attributes are dropped whole

_SIDES = ("top", "right", "bottom", "left")
PROPERTIES = (
    frozenset(
        """
    background background-color border border-collapse border-color border-radius border-spacing border-style
    border-width border-top-left-radius border-top-right-radius border-bottom-left-radius border-bottom-right-radius
    box-sizing caption-side clear color direction display empty-cells float font font-family font-size font-stretch
    font-style font-variant font-weight height hyphens letter-spacing line-height list-style list-style-position
    list-style-type margin max-height max-width min-height min-width overflow-wrap padding tab-size table-layout
    text-align text-align-last text-decoration text-decoration-color text-decoration-line text-decoration-style
    text-indent text-transform unicode-bidi vertical-align white-space width word-break word-spacing word-wrap
    """.split()
    )
    | {f"{edge}-{side}" for edge in ("border", "margin", "padding") for side in _SIDES}
    | {f"border-{side}-{part}" for side in _SIDES for part in ("color", "style", "width")}
)
DISPLAYS = frozenset(
    "block inline inline-block list-item none table table-caption table-cell table-column table-column-group "
    "table-footer-group table-header-group table-row table-row-group".split()
)
FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla", "calc", "min", "max"})
VIEWPORT_UNITS = frozenset({"vw", "vh", "vi", "vb", "vmin", "vmax"})
_PLAIN_STRING = re.compile(r"[\w ,.-]*")
_LITERALS = frozenset({",", "/", "-", "+", "*", "."})


def filter_style(style: str) -> str:
    """Keep the harmless declarations of a style attribute, in order; "" when none is left."""
    if len(style) > STYLE_CHARACTERS_MAX or "\\" in style:
        return ""
    declarations = tinycss2.parse_declaration_list(style, skip_comments=True, skip_whitespace=True)
    kept = (_kept(item) for item in declarations if item.type == "declaration")
    return ";".join(text for text in kept if text)


def _kept(declaration: tinycss2.ast.Declaration) -> str:
    name, value = declaration.lower_name, declaration.value
    if name not in PROPERTIES or not all(_is_harmless(token) for token in value):
        return ""
    if name.startswith("margin") and any(_is_negative(token) for token in value):
        return ""
    text = tinycss2.serialize(value).strip()
    if not text or (name == "display" and text.lower() not in DISPLAYS):
        return ""
    return f"{name}:{text}"


def _is_harmless(token: tinycss2.ast.Node) -> bool:
    match token.type:
        case "ident" | "number" | "percentage" | "hash" | "whitespace":
            return True
        case "dimension":
            return not any(token.lower_unit.endswith(unit) for unit in VIEWPORT_UNITS)
        case "literal":
            return token.value in _LITERALS
        case "string":
            return _PLAIN_STRING.fullmatch(token.value) is not None
        case "function":
            return token.lower_name in FUNCTIONS and all(_is_harmless(part) for part in token.arguments)
    return False


def _is_negative(token: tinycss2.ast.Node) -> bool:
    if token.type == "function":
        return True  # calc() may come out below zero
    return token.type in ("number", "percentage", "dimension") and token.value < 0
