"""Pages that exist in local mode only: the components of the interface, and what the demo relay got."""

from django.urls import URLPattern, URLResolver, include, path

from kundomail import components_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("components/", components_page.components, name="components"),
    path("components/work/", components_page.work_example, name="components_work"),
    path("components/errors/<int:code>/", components_page.error, name="components_error"),
    path("", include("whitelabel.demo_urls")),
    path("components/undone/", components_page.undone, name="components_undone"),
]
