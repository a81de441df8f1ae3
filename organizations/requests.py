"""What views know about a request, once middleware and decorators have let it through."""

from django.http import HttpRequest

from organizations.models import Membership, Organization, User


class PersonRequest(HttpRequest):
    """A request of somebody who is logged in (`login_required`)."""

    user: User


class MemberRequest(PersonRequest):
    """A request below an organization's name, of one of its members (`OrganizationMiddleware`)."""

    organization: Organization
    membership: Membership
