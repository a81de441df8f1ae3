"""Settings pages of inboxes, inside an organization."""

from django.urls import path

from inboxes import sender, views

app_name = "inboxes"
urlpatterns = [
    path("settings/inboxes/", views.index, name="index"),
    path("settings/inboxes/new/", views.new, name="new"),
    path("settings/inboxes/<int:inbox>/", views.general, name="general"),
    path("settings/inboxes/<int:inbox>/receive/", views.receive, name="receive"),
    path("settings/inboxes/<int:inbox>/signature/", views.signature, name="signature"),
    path("settings/inboxes/<int:inbox>/receive/sender/", sender.sender, name="sender"),
    path("settings/inboxes/<int:inbox>/receive/sender/records/", sender.records, name="sender_records"),
    path("settings/inboxes/<int:inbox>/receive/sender/check/", sender.check, name="sender_check"),
    path("settings/inboxes/<int:inbox>/receive/sender/activate/", sender.activate, name="sender_activate"),
    path("settings/inboxes/<int:inbox>/receive/sender/deactivate/", sender.deactivate, name="sender_deactivate"),
    path("settings/inboxes/<int:inbox>/receive/sender/records.<slug:form>", sender.export, name="sender_export"),
    path("settings/inboxes/<int:inbox>/receive/sender/test-mail/", sender.test_mail, name="sender_test_mail"),
    path("settings/inboxes/<int:inbox>/receive/sender/label/", sender.label, name="sender_label"),
    path("settings/inboxes/<int:inbox>/receive/sender/rotate/", sender.rotate, name="sender_rotate"),
    path("settings/inboxes/<int:inbox>/receive/sender/restart/", sender.restart, name="sender_restart"),
    path("settings/inboxes/<int:inbox>/receive/sender/approvals/<int:pk>/", sender.answer, name="sender_answer"),
    path("settings/inboxes/<int:inbox>/receive/sender/dns-host/", sender.dns_host, name="sender_dns_host"),
    path("settings/inboxes/<int:inbox>/receive/sender/links/", sender.create_link, name="sender_create_link"),
    path("settings/inboxes/<int:inbox>/receive/sender/links/<int:pk>/", sender.revoke_link, name="sender_revoke_link"),
]
