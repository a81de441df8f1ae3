"""The mail behind a message, and the ledger of all mail, inside an organization."""

from django.urls import path

from forwarding import views

app_name = "forwarding"
urlpatterns = [
    path("mail/<int:pk>/original.eml", views.original, name="original"),
    path("mail/<int:pk>/headers/", views.headers, name="headers"),
    path("settings/ledger/", views.ledger, name="ledger"),
    path("settings/ledger/reread/", views.reread, name="reread"),
    path("settings/ledger/<int:pk>/original.eml", views.delivered, name="delivered"),
    path("settings/ledger/<int:pk>/refile/", views.refile, name="refile"),
    path("settings/ledger/<int:pk>/alone/", views.show_alone, name="show_alone"),
    path("settings/ledger/<int:pk>/alone/undo/", views.undo_show_alone, name="undo_show_alone"),
]
