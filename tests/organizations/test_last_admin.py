"""Two admins who take each other's role away at the same moment: one of them stays admin."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from organizations import scope
from organizations.models import Membership, User
from tests.support.builders import person, town
from tests.support.together import at_once, waiting

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_an_organization_keeps_an_admin(_round: int) -> None:
    place = town()
    with scope.organization(place.organization):
        Membership.objects.filter(user=place.agent).update(role="admin")
        pk_of = dict(Membership.objects.values_list("user_id", "pk"))
    begin = threading.Barrier(2)

    def demote(actor: User, target: User) -> None:
        client = Client()
        client.force_login(actor)
        url = reverse("organizations:change_member", args=[place.organization.slug, pk_of[target.pk]])
        begin.wait(10)
        client.post(url, {"role": "agent"})
        connections.close_all()

    threads = [
        threading.Thread(target=demote, args=pair) for pair in ((place.admin, place.agent), (place.agent, place.admin))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with scope.organization(place.organization):
        assert Membership.objects.filter(role="admin").count() >= 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_two_admins_may_remove_the_same_member(_round: int) -> None:
    place, other = town(), person()
    with scope.organization(place.organization):
        Membership.objects.create(user=other, role="admin")
        member = Membership.objects.get(user=place.agent)
    url = reverse("organizations:change_member", args=[place.organization.slug, member.pk])
    answers: list[int] = []

    def remove(actor: User) -> None:
        client = Client(raise_request_exception=False)
        client.force_login(actor)
        answers.append(client.post(url, {"role": "remove"}).status_code)

    held = threading.Event()

    def hold() -> None:
        """Stop both where admins are heard one after the other."""
        with scope.organization(place.organization):
            list(Membership.objects.filter(role="admin").select_for_update())
            held.set()
            while waiting() < 2:
                time.sleep(0.01)

    def after(actor: User) -> None:
        held.wait()
        remove(actor)

    assert at_once(hold, lambda: after(place.admin), lambda: after(other)) == []
    assert sorted(answers) == [302, 404]
    with scope.organization(place.organization):
        assert not Membership.objects.filter(pk=member.pk).exists()
