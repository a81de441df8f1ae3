"""URLs below an organization's path: the agents' work."""

from django.urls import path

from conversations.views import actions, attachments, composing, conversation, detaching, drafting, lists, live

app_name = "conversations"
urlpatterns = [
    path("", lists.dashboard, name="dashboard"),
    path("list/<slug:name>/", lists.conversation_list, name="list"),
    path("search/", lists.search, name="search"),
    path("rail/", lists.rail, name="rail"),
    path("live/", live.stream, name="live"),
    path("bulk/", actions.bulk, name="bulk"),
    path("attachments/<int:pk>/", attachments.download, name="attachment"),
    path("conversations/<int:number>/", conversation.show, name="conversation"),
    path("conversations/<int:number>/messages/", conversation.messages, name="messages"),
    path("conversations/<int:number>/assign/", actions.assign, name="assign"),
    path("conversations/<int:number>/status/", actions.status, name="status"),
    path("conversations/<int:number>/spam/", actions.spam, name="spam"),
    path("conversations/<int:number>/spam/undo/", actions.not_spam, name="not_spam"),
    path("conversations/<int:number>/address-works/", actions.address_works, name="address_works"),
    path("conversations/<int:number>/compose/", drafting.compose, name="compose"),
    path("conversations/<int:number>/draft/", drafting.draft, name="draft"),
    path("conversations/<int:number>/draft/files/", drafting.files, name="draft_files"),
    path("conversations/<int:number>/draft/people/", drafting.people, name="draft_people"),
    path("conversations/<int:number>/reply/", composing.reply, name="reply"),
    path("conversations/<int:number>/note/", composing.note, name="note"),
    path("conversations/<int:number>/undo/<int:pk>/", composing.undo, name="undo"),
    path("conversations/<int:number>/detach/<int:pk>/", detaching.detach, name="detach"),
    path("conversations/<int:number>/detach/undo/", detaching.undo, name="undo_detach"),
]
