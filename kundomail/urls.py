"""URLs of the whole site. Everything below an organization's name runs inside its scope (OrganizationMiddleware)."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from kundomail import health
from organizations import views as organizations

urlpatterns: list[URLPattern | URLResolver] = [
    path("", organizations.home, name="home"),
    path("accounts/", include("allauth.urls")),
    path("language/", organizations.set_language_preference, name="set_language_preference"),
    path("new/", organizations.new_organization, name="new_organization"),
    path("invite/<str:token>/", organizations.invitation, name="invitation"),
    path("", include("whitelabel.urls")),
    path("content/", include("conversations.content_urls")),
    path("health/live/", health.live, name="health_live"),
    path("health/ready/", health.ready, name="health_ready"),
]

if settings.LOCAL:
    from kundomail.local_urls import urlpatterns as local_urlpatterns

    urlpatterns += local_urlpatterns

urlpatterns += [
    path("<slug:organization_slug>/", include("organizations.urls")),
    path("<slug:organization_slug>/", include("inboxes.urls")),
    path("<slug:organization_slug>/", include("forwarding.urls")),
    path("<slug:organization_slug>/", include("conversations.urls")),
]
