"""Settings pages of inboxes, inside an organization."""

from django.urls import path

from inboxes import views

app_name = "inboxes"
urlpatterns = [
    path("settings/inboxes/", views.index, name="index"),
    path("settings/inboxes/new/", views.new, name="new"),
    path("settings/inboxes/<int:inbox>/", views.general, name="general"),
    path("settings/inboxes/<int:inbox>/receive/", views.receive, name="receive"),
    path("settings/inboxes/<int:inbox>/signature/", views.signature, name="signature"),
]
