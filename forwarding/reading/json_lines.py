"""A read mail as one JSON object, for support and for comparison with other readers."""

from typing import Any

from forwarding.reading.mail import Address, ReadMail


def as_json(mail: ReadMail) -> dict[str, Any]:
    """The object that `manage.py read_mail` prints, without path, class, bounces and time."""
    return {
        "from": _address(mail.sender) if mail.sender else None,
        "reply_to": [_address(address) for address in mail.reply_to],
        "to": [_address(address) for address in mail.to],
        "cc": [_address(address) for address in mail.cc],
        "subject": mail.subject,
        "date": mail.date.isoformat() if mail.date else None,
        "message_id": mail.message_id,
        "text": mail.text,
        "other_text": mail.other_text,
        "visible_text": mail.visible_text,
        "quoted_text": mail.quoted_text,
        "has_html": mail.html is not None,
        "attachments": [
            {"name": one.name, "type": one.content_type, "size": len(one.content), "inline": one.inline}
            for one in mail.attachments
        ],
        "defects": list(mail.defects),
        "stage": mail.stage,
    }


def _address(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.address}
