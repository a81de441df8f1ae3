"""Finding a claim by its domain, for commands that run outside of any organization's pages."""

from __future__ import annotations

from organizations import scope
from organizations.models import Organization
from whitelabel import claims, links
from whitelabel.models import SenderDomain
from whitelabel.record_sets import RecordSet
from whitelabel.records import ExpectedRecord


class ClaimNotFound(LookupError):
    """No claim, or more than one; the message says what to do."""


def claimed_records(domain: str, slug: str | None = None) -> tuple[ExpectedRecord, ...]:
    """The records that the claim for `domain` (A-label) asks for; `slug` chooses among several organizations."""
    return claimed_set(domain, slug).records


def claimed_set(domain: str, slug: str | None = None) -> RecordSet:
    """The same with what a check of the claim knows besides: earlier values, what IT said, where the DNS is managed."""
    with scope.queue():
        owners = dict(SenderDomain.queue.filter(domain=domain).values_list("organization_id", "pk"))
    if slug is not None:
        owners = {owner: claim for owner, claim in owners.items() if _slug(owner) == slug}
    if not owners:
        raise ClaimNotFound(
            f"There is no claim for {domain}. Open the sender address page of one of its inboxes first."
        )
    if len(owners) > 1:
        slugs = ", ".join(sorted(_slug(owner) for owner in owners))
        raise ClaimNotFound(f"Several organizations have a claim for {domain}. Choose with --organization: {slugs}.")
    (organization_id, claim_id), *_ = owners.items()
    with scope.organization(organization_id):
        claim = SenderDomain.objects.get(pk=claim_id)
        return RecordSet(claims.records_of(claim), claims.history(claim), links.is_done(claim), claim.dns_host)


def _slug(organization_id: int) -> str:
    with scope.organization(organization_id):
        return str(Organization.objects.values_list("slug", flat=True).get(pk=organization_id))
