"""The settings pages of inboxes, and the page of the sender address."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from inboxes.models import Inbox
from organizations import scope
from tests.support.builders import Town, town
from tests.support.outgoing import activated, verdict
from whitelabel import claims
from whitelabel.models import RecordsLink, SenderDomain

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Town:
    return town()


@pytest.fixture
def admin(place, client):
    client.force_login(place.admin)
    return client


@pytest.fixture
def agent(place, client):
    client.force_login(place.agent)
    return client


def url(place: Town, name: str, **kwargs: object) -> str:
    return reverse(name, kwargs={"organization_slug": place.organization.slug, **kwargs})


def test_making_an_inbox_leads_to_the_address_to_forward_to(place, admin):
    data = {"address": "info@lillestad.se", "name": "Lillestad, Info"}
    body = admin.post(url(place, "inboxes:new"), data, follow=True).content.decode()
    assert 'data-copy="info.lillestad.se@mail.kundo.se"' in body


def test_an_address_that_cannot_be_used_is_explained_at_the_field(place, admin):
    body = admin.post(url(place, "inboxes:new"), {"address": "jobb@lillestad.se", "name": "x"}).content.decode()
    assert "Ni har redan en inkorg för jobb@lillestad.se." in body
    assert 'value="jobb@lillestad.se"' in body


def test_the_instructions_name_the_microsoft_policy_of_october_2020(place, admin):
    body = admin.get(url(place, "inboxes:receive", inbox=place.inbox.pk)).content.decode()
    for words in ("oktober 2020", "Exchange Server", "Google Workspace", "lokal kopia", "Flera adresser"):
        assert words in body
    assert "jobb@lillestad.se jobb.lillestad.se@mail.kundo.se" in body


OWN = "skickas från <strong>jobb@lillestad.se</strong>"
SERVICE = "skickas från <strong>jobb.lillestad.se@mail.kundo.se</strong>"


def page(place, client, name):
    return client.get(url(place, f"inboxes:{name}", inbox=place.inbox.pk)).content.decode()


def activate(place, wrong: str = "") -> None:
    said = {"params": {"n": "2"}, "found": "", "details": [], "servers": [], "resolvers": []}
    verdicts = [verdict(wrong, "red", definite_bad=True) | said] if wrong else []
    with scope.organization(place.organization):
        activated(place.inbox, verdicts)


@pytest.mark.parametrize("name", ["receive", "sender"])
def test_before_activation_the_pages_name_the_service_address(place, admin, name):
    assert SERVICE in page(place, admin, name)


@pytest.mark.parametrize("name", ["receive", "sender"])
def test_after_activation_the_pages_name_the_own_address(place, admin, name):
    activate(place)
    assert OWN in page(place, admin, name)


@pytest.mark.parametrize("name", ["receive", "sender"])
def test_while_the_signature_cannot_be_verified_the_pages_name_the_service_address(place, admin, name):
    activate(place, wrong="dkim-k1")
    assert SERVICE in page(place, admin, name)


def test_a_wrong_record_that_stops_no_signature_does_not_claim_that_mail_leaves_elsewhere(place, admin):
    activate(place, wrong="spf")
    body = page(place, admin, "sender")
    assert OWN in body
    assert "Mail skickas ändå från jobb@lillestad.se" in body


def test_an_address_with_letters_mail_servers_refuse_gets_a_reason_instead_of_records(client):
    place = town("Hålla", "räksmörgås@hålla.se")
    client.force_login(place.admin)
    body = page(place, client, "sender")
    assert "Mail kan inte skickas från räksmörgås@hålla.se" in body
    assert "Svar går till raksmorgas.xn--hlla-qoa.se@mail.kundo.se" in body
    with scope.organization(place.organization):
        assert not SenderDomain.objects.exists()


def test_the_pages_of_settings_offer_an_agent_nothing_that_is_refused(place, agent):
    for name in ("index", "receive"):
        arguments = {} if name == "index" else {"inbox": place.inbox.pk}
        body = agent.get(url(place, f"inboxes:{name}", **arguments)).content.decode()
        links = set(re.findall(rf'href="(/{place.organization.slug}/settings/[^"#]*)"', body))
        assert url(place, "inboxes:receive", inbox=place.inbox.pk) in links
        assert {link: agent.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_the_signature_is_saved(place, admin):
    admin.post(url(place, "inboxes:signature", inbox=place.inbox.pk), {"signature": "{name}\nLillestad"})
    with scope.organization(place.organization):
        assert Inbox.objects.get(pk=place.inbox.pk).signature == "{name}\r\nLillestad".replace("\r", "")


def test_mail_with_the_same_subject_is_put_together_when_an_admin_says_so(place, admin):
    page = url(place, "inboxes:receive", inbox=place.inbox.pk)
    assert "Lägg ihop mail med samma ämne" in admin.get(page).content.decode()
    for data, wanted in (({"match_subjects": "on"}, True), ({}, False)):
        assert admin.post(page, data, follow=True).status_code == 200
        with scope.organization(place.organization):
            assert Inbox.objects.get(pk=place.inbox.pk).match_subjects is wanted


def test_agents_do_not_choose_how_mail_is_put_together(place, agent):
    page = url(place, "inboxes:receive", inbox=place.inbox.pk)
    assert "Lägg ihop mail" not in agent.get(page).content.decode()
    assert agent.post(page, {"match_subjects": "on"}).status_code == 403
    with scope.organization(place.organization):
        assert not Inbox.objects.get(pk=place.inbox.pk).match_subjects


@pytest.mark.parametrize("name", ["inboxes:new", "organizations:members"])
def test_agents_cannot_open_the_pages_of_admins(place, agent, name):
    assert agent.get(url(place, name)).status_code == 403


@pytest.mark.parametrize("name", ["inboxes:sender_activate", "inboxes:sender_deactivate", "inboxes:sender_create_link"])
def test_agents_cannot_change_the_sender_address(place, agent, name):
    assert agent.post(url(place, name, inbox=place.inbox.pk)).status_code == 403


def test_an_agent_reads_the_records_but_sees_no_buttons_that_change(place, agent, client):
    client.force_login(place.admin)
    client.get(url(place, "inboxes:sender", inbox=place.inbox.pk))
    client.force_login(place.agent)
    body = client.get(url(place, "inboxes:sender", inbox=place.inbox.pk)).content.decode()
    assert "mgeu.lillestad.se" in body
    assert "Aktivera jobb@lillestad.se" not in body
    assert "Skapa en länk till IT" not in body


def test_an_agent_who_comes_first_starts_no_claim(place, agent):
    body = agent.get(url(place, "inboxes:sender", inbox=place.inbox.pk)).content.decode()
    assert "En administratör behöver öppna sidan först" in body
    with scope.organization(place.organization):
        assert not SenderDomain.objects.exists()


def with_records(place: Town) -> None:
    """The domain's claim, whose subdomain was found to be free."""
    with scope.organization(place.organization):
        claim = claims.start("lillestad.se", actor=place.admin)
        claims.note_label(claim, claim.label, {"code": "free", "found": "", "refused": []})


def test_the_page_lists_the_six_records_and_the_advice(place, admin):
    with_records(place)
    body = admin.get(url(place, "inboxes:sender", inbox=place.inbox.pk)).content.decode()
    for key in ("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner", "dmarc"):
        assert f'data-record="{key}"' in body
    assert 'data-copy="v=spf1 include:_spf.mail.kundo.se ~all"' in body


def test_the_live_part_is_empty_while_nothing_has_changed(place, admin):
    admin.get(url(place, "inboxes:sender", inbox=place.inbox.pk))
    live = url(place, "inboxes:sender_records", inbox=place.inbox.pk)
    first = admin.get(live)
    digest = first.content.decode().partition('data-digest="')[2].partition('"')[0]
    assert first.status_code == 200
    assert admin.get(live, {"seen": digest}).status_code == 204


@pytest.mark.parametrize(
    ("form", "line"),
    [("zone", "mgeu.lillestad.se. 3600 IN TXT"), ("csv", "mgeu.lillestad.se,mgeu,TXT,3600"), ("txt", "Host:  mgeu")],
)
def test_the_records_can_be_downloaded(place, admin, form, line):
    with_records(place)
    response = admin.get(url(place, "inboxes:sender_export", inbox=place.inbox.pk, form=form))
    assert line in response.content.decode()
    assert "attachment" in response["Content-Disposition"]


@pytest.mark.parametrize("form", ["zone", "csv", "txt"])
@pytest.mark.parametrize("code", ["", "unknown", "taken"])
def test_nothing_is_downloaded_before_the_subdomain_is_known_to_be_free(place, admin, form, code):
    with_records(place)
    with scope.organization(place.organization):
        SenderDomain.objects.update(label_finding={"code": code} if code else {})
    response = admin.get(url(place, "inboxes:sender_export", inbox=place.inbox.pk, form=form))
    assert response.status_code == 302
    assert "Posterna kan laddas ner när" in admin.get(response.url).content.decode()


@pytest.mark.parametrize("code", ["", "unknown", "taken"])
def test_the_link_for_it_shows_and_gives_no_records_before_the_subdomain_is_known_to_be_free(place, admin, code):
    with_records(place)
    body = admin.post(url(place, "inboxes:sender_create_link", inbox=place.inbox.pk)).content.decode()
    path = body.partition('data-copy="http://localhost:8000')[2].partition('"')[0]
    with scope.organization(place.organization):
        SenderDomain.objects.update(label_finding={"code": code} if code else {})
    assert "data-record=" not in admin.get(path).content.decode()
    response = admin.get(f"{path}zone/")
    assert (response.status_code, response.url) == (302, path)


def test_the_link_for_it_gives_the_zone_file(place, admin):
    with_records(place)
    body = admin.post(url(place, "inboxes:sender_create_link", inbox=place.inbox.pk)).content.decode()
    path = body.partition('data-copy="http://localhost:8000')[2].partition('"')[0]
    assert "mgeu.lillestad.se. 3600 IN TXT" in admin.get(f"{path}zone/").content.decode()


def test_the_link_for_it_works_logged_out_and_can_be_revoked(place, admin):
    admin.get(url(place, "inboxes:sender", inbox=place.inbox.pk))
    body = admin.post(url(place, "inboxes:sender_create_link", inbox=place.inbox.pk)).content.decode()
    path = body.partition('data-copy="http://localhost:8000')[2].partition('"')[0]
    admin.logout()
    shown = admin.get(path)
    assert shown.status_code == 200
    assert "mgeu.lillestad.se" in shown.content.decode()
    with scope.organization(place.organization):
        link = RecordsLink.objects.get()
        assert link.opened_at is not None
        assert link.token_hash not in path
    admin.force_login(place.admin)
    admin.post(url(place, "inboxes:sender_revoke_link", inbox=place.inbox.pk, pk=link.pk))
    assert admin.get(path).status_code == 410


def test_it_says_done_and_a_check_is_due(place, admin):
    admin.get(url(place, "inboxes:sender", inbox=place.inbox.pk))
    body = admin.post(url(place, "inboxes:sender_create_link", inbox=place.inbox.pk)).content.decode()
    path = body.partition('data-copy="http://localhost:8000')[2].partition('"')[0]
    assert admin.post(f"{path}done/").status_code == 302
    with scope.organization(place.organization):
        assert RecordsLink.objects.get().done_at is not None


def test_a_link_too_old_is_closed(place, admin):
    admin.get(url(place, "inboxes:sender", inbox=place.inbox.pk))
    body = admin.post(url(place, "inboxes:sender_create_link", inbox=place.inbox.pk)).content.decode()
    path = body.partition('data-copy="http://localhost:8000')[2].partition('"')[0]
    with scope.organization(place.organization):
        RecordsLink.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert admin.get(path).status_code == 410
