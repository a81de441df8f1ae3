"""What views know about a request, once middleware and decorators have let it through."""

from django.http import HttpRequest

from organizations.models import Membership, Organization, User


def number_in(text: str) -> int | None:
    """The number of a row as it stands in a request; None for anything else, and for more digits than a row's has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class PersonRequest(HttpRequest):
    """A request of somebody who is logged in (`login_required`)."""

    user: User


class MemberRequest(PersonRequest):
    """A request below an organization's name, of one of its members (`OrganizationMiddleware`)."""

    organization: Organization
    membership: Membership
