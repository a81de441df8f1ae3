"""Pages about the person and the organization: where to go after log-in, language, founding, members, invitations."""

from __future__ import annotations

from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from organizations import founding
from organizations.forms import InvitationForm, OrganizationForm, ProfileForm, RoleForm
from organizations.middleware import LANGUAGE_SESSION_KEY
from organizations.models import Invitation, Membership, User, record
from organizations.permissions import admin_required
from organizations.requests import MemberRequest, PersonRequest


@login_required
def home(request: PersonRequest) -> HttpResponse:
    """Go to the only organization, choose among several, or found the first one."""
    memberships = founding.memberships_of(request.user)
    if len(memberships) == 1:
        return redirect("conversations:dashboard", memberships[0].organization.slug)
    if not memberships:
        return redirect("new_organization")
    return render(request, "organizations/choose.html", {"memberships": memberships})


@require_POST
def set_language_preference(request: HttpRequest) -> HttpResponse:
    """Remember the language: on the person when logged in, else in the session. Returns to where one was."""
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        request.session[LANGUAGE_SESSION_KEY] = language
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=language)
    target = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if safe else "/")


@login_required
def new_organization(request: PersonRequest) -> HttpResponse:
    """Found an organization; its first inbox is made on the next page."""
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, action="found_organization", user=request.user):
            too_many: HttpResponse = ratelimit.respond_429(request)
            return too_many
        organization = founding.found_organization(form.cleaned_data["name"], request.user)
        return redirect("inboxes:new", organization.slug)
    first = not founding.memberships_of(request.user)
    return render(request, "organizations/new.html", {"form": form, "first": first})


def profile(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """The person's own name, title, signature, language and shortcuts."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        with translation.override(user.language):
            messages.success(request, _("Saved."))
        return redirect("organizations:profile", organization_slug)
    return render(request, "organizations/profile.html", {"form": form})


@admin_required
def members(request: MemberRequest, organization_slug: str) -> HttpResponse:
    """Who belongs to the organization; invite colleagues."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _may_invite(request, form):
        invitation, token = founding.invite(
            form.cleaned_data["email"], form.cleaned_data["role"], invited_by=request.user
        )
        _mail_invitation(request, invitation, token)
        messages.success(request, _("An invitation was sent to %(email)s.") % {"email": invitation.email})
        return redirect("organizations:members", organization_slug)
    context = {
        "form": form,
        "members": Membership.objects.select_related("user").order_by("user__name", "user__email"),
        "invitations": Invitation.objects.filter(accepted_at=None).order_by("-created_at"),
        "roles": Membership.Role.choices,
    }
    return render(request, "organizations/members.html", context)


@require_POST
@admin_required
def change_member(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Change a member's role, or take the membership away. An organization keeps at least one admin."""
    # Two admins who demote each other at the same moment are heard one after the other.
    list(Membership.objects.filter(role=Membership.Role.ADMIN).select_for_update().order_by("pk"))
    membership = get_object_or_404(Membership, pk=pk)
    form = RoleForm(request.POST)
    if form.is_valid():
        role = form.cleaned_data["role"]
        if role != Membership.Role.ADMIN and _is_last_admin(membership):
            messages.error(request, _("The organization needs at least one admin. Make somebody else admin first."))
        elif role == RoleForm.REMOVE:
            record("member.removed", membership, actor=request.user, user=membership.user_id)
            membership.delete()
        else:
            Membership.objects.filter(pk=pk).update(role=role)
            record("member.role", membership, actor=request.user, role=role)
    return redirect("organizations:members", organization_slug)


@require_POST
@admin_required
def withdraw_invitation(request: MemberRequest, organization_slug: str, pk: int) -> HttpResponse:
    """Take an open invitation back."""
    found = get_object_or_404(Invitation, pk=pk, accepted_at=None)
    record("member.invitation_withdrawn", found, actor=request.user, email=found.email)
    found.delete()
    return redirect("organizations:members", organization_slug)


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What an invitation link shows. Joining is a POST, so that link scanners cannot use it up."""
    found = founding.open_invitation(token)
    if found is None:
        return render(request, "organizations/invitation_closed.html", status=410)
    if not request.user.is_authenticated:
        login = f"{reverse('account_login')}?next={request.path}"
        signup = f"{reverse('account_signup')}?next={request.path}"
        return render(request, "organizations/invitation.html", {"invitation": found, "login": login, "signup": signup})
    if request.method == "POST":
        membership = founding.accept_invitation(found, request.user)
        if membership:
            return redirect("home")
    return render(
        request,
        "organizations/invitation.html",
        {"invitation": found, "fits": found.email == request.user.email.lower()},
    )


def _may_invite(request: MemberRequest, form: InvitationForm) -> bool:
    """Invitations are mail in our name to anybody, with words of the inviter's choice: so many a day, not more."""
    if ratelimit.consume(request, action="invite", user=request.user):
        return True
    form.add_error("email", _("You have invited many people today. Invite the others tomorrow."))
    return False


def _is_last_admin(membership: Membership) -> bool:
    others = Membership.objects.filter(role=Membership.Role.ADMIN).exclude(pk=membership.pk)
    return membership.is_admin and not others.exists()


def _mail_invitation(request: MemberRequest, invitation: Invitation, token: str) -> None:
    context = {
        "link": settings.SITE_URL + reverse("invitation", args=[token]),
        "inviter": request.user,
        "organization": request.organization,
    }
    subject = render_to_string("organizations/mail/invitation_subject.txt", context).strip()
    body = render_to_string("organizations/mail/invitation.txt", context)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [invitation.email])
