"""The second factor of a log-in: codes from a program on one's phone (TOTP, RFC 6238), and recovery codes on paper."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from whitelabel import keys


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps what the codes are computed from encrypted: a copy of the database lets nobody in."""

    def encrypt(self, text: str) -> str:
        """As DKIM keys are (whitelabel.keys)."""
        return keys.encrypt(text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        """Raises whitelabel.keys.UnreadableKey."""
        return keys.decrypt(encrypted_text).decode()
