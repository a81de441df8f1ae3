"""Pages inside an organization: members and one's own profile."""

from django.urls import path

from organizations import views

app_name = "organizations"
urlpatterns = [
    path("settings/members/", views.members, name="members"),
    path("settings/members/<int:pk>/", views.change_member, name="change_member"),
    path("settings/invitations/<int:pk>/withdraw/", views.withdraw_invitation, name="withdraw_invitation"),
    path("settings/profile/", views.profile, name="profile"),
]
