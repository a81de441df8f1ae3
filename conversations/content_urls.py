"""URLs of mail HTML, inline images and files: outside of any organization's path, because each is signed."""

from django.urls import path

from conversations.views import content

app_name = "content"
urlpatterns = [
    path("m/<str:token>/", content.message, name="message"),
    path("i/<str:token>/", content.image, name="image"),
    path("f/<str:token>/", content.file, name="file"),
]
