"""The template tags of a whole page, used by `templates/base/`: what the reader has chosen, where they are, what scripts say.

The library is a builtin, as `ui` is, which draws the parts of a page.
"""

from django import template
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from kundomail import moments, navigation
from kundomail.templatetags import ui

register = template.Library()

Context = template.Context

THEMES = ("light", "dark")


@register.simple_tag(takes_context=True)
def html_attributes(context: Context) -> SafeString:
    """The attributes of <html> besides its language: what the reader chose for theme, rail and side panel (from cookies)."""
    request: HttpRequest | None = context.get("request")
    cookies = request.COOKIES if request else {}
    wants_shortcuts = getattr(getattr(request, "user", None), "keyboard_shortcuts", True)
    chosen = {
        "data_theme": cookies.get("theme") if cookies.get("theme") in THEMES else None,
        "data_rail": "icons" if cookies.get("rail") == "icons" else None,
        "data_panel": "closed" if cookies.get("panel") == "closed" else None,
        "data_shortcuts": "off" if cookies.get("shortcuts", "on" if wants_shortcuts else "off") == "off" else None,
    }
    return ui.attributes(chosen)


@register.simple_tag(takes_context=True)
def settings_sections(context: Context) -> list[navigation.LinkGroup]:
    """The settings navigation of this page; URL arguments come from the resolved URL, else from the context."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return []
    match = request.resolver_match
    arguments: dict[str, object] = dict(context.get("settings_arguments") or {}) | (dict(match.kwargs) if match else {})
    membership = getattr(request, "membership", None)
    return navigation.settings_links(arguments, request.path, is_admin=membership is None or membership.is_admin)


@register.simple_tag
def interface_words() -> dict[str, object]:
    """The words the scripts of the page need, in the active language."""
    return {
        "copied": gettext("Copied"),
        "copyFailed": gettext("Could not copy. Select the value and copy it by hand."),
        "undo": gettext("Undo"),
        "close": gettext("Close"),
        "failed": gettext("Nothing was saved: the server did not answer. Check the connection and try again."),
        "refused": gettext("Nothing was saved: the server refused it. Reload the page and try again."),
        "unsaved": gettext("You have unsaved changes. Leave the page and lose them?"),
        "times": moments.words(),
    }
