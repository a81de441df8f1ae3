"""The link for IT. The token is the only key."""

from django.urls import path

from whitelabel import views

app_name = "whitelabel"
urlpatterns = [
    path("dns/<str:token>/", views.records_link, name="records_link"),
    path("dns/<str:token>/records/", views.link_records, name="link_records"),
    path("dns/<str:token>/zone/", views.link_zone_file, name="link_zone_file"),
    path("dns/<str:token>/done/", views.link_done, name="link_done"),
]
