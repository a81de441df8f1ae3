"""Who may do what inside an organization."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase

from organizations.requests import MemberRequest

View = Callable[..., HttpResponseBase]


def admin_required(view: View) -> View:
    """Only admins of the organization in the URL; agents get 403 with an explanation."""

    @wraps(view)
    def checked(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.membership.is_admin:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked
