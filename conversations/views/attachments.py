"""Downloading a file: the page's link stays valid, the signed address behind it is made when it is followed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from conversations import frames
from conversations.models import Attachment
from organizations import scope
from organizations.models import record


@require_safe
def download(request: HttpRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Redirect a member to the file's address of the next minutes."""
    user: Any = request.user
    attachment = get_object_or_404(Attachment.objects.only("pk", "organization_id"), pk=pk)
    record("attachment.downloaded", attachment, actor=user)
    content = frames.Content("file", scope.current_id(), user.pk, attachment.pk)
    return redirect(frames.address(content))
