"""Who may do what inside an organization."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]


def admin_required(view: View) -> View:
    """Only admins of the organization in the URL; agents get 403 with an explanation."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.membership.is_admin:  # type: ignore[attr-defined]  # set by OrganizationMiddleware
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked
