"""What can go wrong when everything runs on one machine."""


class LocalError(Exception):
    """The local servers cannot be started; the message says what happened and what to do."""
