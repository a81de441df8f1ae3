"""The mail behind a message, and the ledger of all mail, inside an organization."""

from django.urls import path

from forwarding import views

app_name = "forwarding"
urlpatterns = [
    path("mail/<int:pk>/original.eml", views.original, name="original"),
    path("mail/<int:pk>/headers/", views.headers, name="headers"),
    path("settings/ledger/", views.ledger, name="ledger"),
    path("settings/ledger/<int:pk>/refile/", views.refile, name="refile"),
]
