"""A small municipality to try the service with: its people, inboxes and mail. Local mode only."""
