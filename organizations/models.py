"""People, organizations, who belongs where, and the log of what was done."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from organizations import scope
from organizations.tenancy import OrganizationManager, TenantModel


class UserManager(BaseUserManager["User"]):
    """Makes people who log in by email address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a person; the address is kept in lower case. Raises ValueError without an address."""
        if not email:
            raise ValueError("a person needs an email address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: Any) -> User:
        """An operator of the service. Operators have no rights in an organization unless they are members."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; may belong to several organizations."""

    class Language(models.TextChoices):
        """Languages of the user interface."""

        SWEDISH = "sv", "Svenska"
        ENGLISH = "en", "English"

    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    title = models.CharField(
        _("title"), max_length=200, blank=True, help_text=_("Shown in your signature, for example Recruiter.")
    )
    signature = models.TextField(_("personal signature"), blank=True)
    language = models.CharField(_("language"), max_length=2, choices=Language.choices, default=Language.SWEDISH)
    keyboard_shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name shown to colleagues: the name, or the part of the address before the @."""
        return self.name or self.email.partition("@")[0]


class Organization(models.Model):
    """A municipality or company: the tenant. Row-level security shows it to its members and inside its own scope."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_conversation_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def reserve_id() -> int:
        """Take the next id, so that a new organization's row can be written inside its own scope."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('organizations_organization', 'id'))")
            return int(cursor.fetchone()[0])


class Membership(TenantModel):
    """One person's place in one organization."""

    class Role(models.TextChoices):
        """What a member may do. Admins also change settings; agents answer mail."""

        ADMIN = "admin", _("Admin")
        AGENT = "agent", _("Agent")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.AGENT)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationManager()
    of_person: models.Manager[Membership] = models.Manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id}"

    @property
    def is_admin(self) -> bool:
        """Whether this member may change settings."""
        return self.role == self.Role.ADMIN


class Invitation(TenantModel):
    """A colleague invited by mail. The link holds a random token of which only the SHA-256 is stored."""

    email = models.EmailField(_("email address"))
    role = models.CharField(_("role"), max_length=10, choices=Membership.Role.choices, default=Membership.Role.AGENT)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    objects = OrganizationManager()
    queue: models.Manager[Invitation] = models.Manager()

    def __str__(self) -> str:
        return self.email


class Event(TenantModel):
    """Something that somebody (or the service itself) did. Append-only: a trigger refuses UPDATE and DELETE."""

    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "subject_type", "subject_id", "at"], name="event_by_subject"),
            models.Index(fields=["organization", "at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return self.kind


def record(kind: str, subject: models.Model | None = None, *, actor: User | None = None, **data: Any) -> Event:
    """Append an event to the open organization's log. `data` must be JSON-serialisable."""
    return Event.objects.create(
        organization_id=scope.current_id(),
        actor=actor if actor and actor.is_authenticated else None,
        kind=kind,
        subject_type=subject._meta.model_name or "" if subject else "",
        subject_id=subject.pk if subject else None,
        data=data,
    )
