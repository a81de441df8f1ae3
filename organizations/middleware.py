"""What is known about a request before its view runs: the person's language, and the organization in its URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation

from organizations import scope
from organizations.models import Membership

GetResponse = Callable[[HttpRequest], HttpResponseBase]
LANGUAGE_SESSION_KEY = "language"


class LanguageMiddleware:
    """The person's own language, else the one chosen in this session, else Swedish."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = (
            request.user.language if request.user.is_authenticated else request.session.get(LANGUAGE_SESSION_KEY, "sv")
        )
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        return response


def speak_own_language(sender: object, request: HttpRequest, user: Any, **named: object) -> None:
    """Change to the language of the person who has just logged in, so that what is said next is said in it."""
    if hasattr(request, "LANGUAGE_CODE"):  # a request that came through the middleware, which ends what begins here
        translation.activate(user.language)
        request.LANGUAGE_CODE = user.language


class OrganizationMiddleware:
    """Runs the views of `/<organization_slug>/…` inside that organization's scope, for its members only.

    To everybody else such a page does not exist (404, the same as for a name that nobody has). An exception in the
    view passes through the scope, so the transaction is rolled back. Asynchronous views (live updates) open the scope
    themselves, with `member_of`.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        slug = kwargs.get("organization_slug")
        if slug is None or iscoroutinefunction(view):
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        membership = member_of(request.user.pk, slug)
        with scope.organization(membership.organization_id):
            request.membership = membership  # type: ignore[attr-defined]
            request.organization = membership.organization  # type: ignore[attr-defined]
            response = view(request, *args, **kwargs)
            # Lazy querysets of a template are read here, while the scope is open.
            render = getattr(response, "render", None)
            return render() if callable(render) else response


def member_of(user_id: int, slug: str) -> Membership:
    """The user's membership of the organization with that slug. Raises Http404 where there is none."""
    with scope.person(user_id):
        membership = (
            Membership.of_person.select_related("organization").filter(user_id=user_id, organization__slug=slug).first()
        )
    if membership is None:
        raise Http404
    return membership
