"""Local mode only: what the demo relay was given."""

from django.urls import path

from whitelabel import demo_views

urlpatterns = [path("demo/sent/", demo_views.sent, name="demo_sent")]
