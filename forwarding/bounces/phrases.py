"""Wordings of delivery failures, in lower case. Mail systems write the same words for decades; people do not."""

MAIL_SYSTEMS = (
    "mailer-daemon", "mailerdaemon", "mail-daemon", "mailer daemon", "postmaster", "post_master",
    "mail delivery sub", "mail delivery sys", "mail deliver sys", "mail.delivery.system", "maildelivery", "mmdf",
    "mdaemon@", "ndr@", "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
)  # fmt: skip
"""Parts of address or display name that only mail systems have."""

POSSIBLE_MAIL_SYSTEMS = (
    "bounce-notification", "delivery-notification", "mail system", "system administrator", "mail administrator",
    "ndr administrator", "internet mail delivery",
)  # fmt: skip
"""Parts of address or display name that mail systems have, and people too."""

FAILURE_SUBJECTS = (
    "undeliver", "delivery status notification", "delivery failure", "delivery failed", "delivery has failed",
    "delivery has been delayed", "failed delivery", "failure delivery", "delivery error", "delivery problem",
    "delivery report", "delivery delayed", "delayed delivery", "delayed mail", "returned mail",
    "return receipt of undelivered", "failure notice", "could not be delivered", "couldn't be delivered",
    "not delivered", "non delivery", "non-delivery", "nondeliverable", "non remis", "returned to sender",
    "returning message to sender", "mail system error", "mail error", "error sending your mail",
    "mail could not be", "message you sent blocked", "mta-blocked", "failed mail", "bounced mail", "bounce message",
    "unable to deliver", "warning: could not send", "warning: message", "recipient rejected", "user unknown",
    "kunde inte levereras", "gick inte att leverera", "kan inte levereras", "ej levererat", "olevererbar",
    "inte levererat", "leveransfel", "leveransen misslyckades", "meddelande om leveransstatus", "fördröjd leverans",
    "unzustellbar", "nicht zugestellt", "nicht zustellbar", "zustellung", "fehlgeschlagen", "kunne ikke leveres",
    "kan ikke leveres", "ikke leveret", "ikke levert", "uleverbar", "ulevert", "ikke-leveret", "niet bezorgd",
    "onbestelbaar", "niet afgeleverd", "kan niet worden bezorgd", "échec de remise", "non distribu",
    "échec de la remise", "non livr", "avis de non-remise", "no se puede entregar", "no se ha podido entregar",
    "no entregado", "mensaje no entregado", "correo devuelto", "impossibile recapitare", "mancato recapito",
    "mancata consegna", "recapito non riuscito", "nie można dostarczyć", "niedostarcz", "zwrot wiadomości",
    "toimitus epäonnistui", "ei voitu toimittaa", "ei voi toimittaa", "nedoručit", "doručení", "kézbesíthetetlen",
    "não entregue", "falha na entrega", "недоставлен", "не доставлено", "не может быть доставлено",
    "ваше сообщение не", "не удалось доставить", "配信", "送信エラー", "エラー通知", "不達", "返信されました",
    "退信", "投递失败", "系统退信", "無法傳遞", "teslim edilemedi", "olevererbart", "address not found",
    "delivery incomplete", "adressen hittades inte", "leveransen slutfördes inte", "toimitus ei onnistunut",
    "non recapitabile", "niedostarczalne", "zustellbarkeit", "mislykket levering", "levering mislykkedes",
)  # fmt: skip

FAILURE_TEXTS = (
    "could not be delivered", "couldn't be delivered", "cannot be delivered", "can't be delivered",
    "was not delivered", "not been delivered", "wasn't delivered", "unable to deliver", "wasn't able to deliver",
    "unable to send", "did not reach the following", "delivery to the following", "delevery to the following",
    "delivery has failed to these", "failed to deliver", "delivery failed", "delivery failure", "undeliverable",
    "undelivered", "error delivering your mail", "trouble delivering your", "error while trying to deliver",
    "error occurred while attempting to deliver", "error has occurred while attempting to deliver",
    "error occurred while trying to deliver", "following addresses had", "following address(es)",
    "following recipient", "transcript of session follows", "returned to sender", "returning message to sender",
    "permanent fatal errors", "this is a permanent error", "message could not be", "rejected recipient",
    "remote host said", "user unknown", "no such user", "unknown user", "recipient address rejected",
    "invalid user address", "invalid final delivery", "mailbox full", "over quota", "host unknown",
    "message headers follow", "response from the remote server", "address couldn't be found", "delivery incomplete",
    "is over its quota", "failure reasons", "mail has been returned", "message has been returned",
    "has been rejected", "message was rejected", "were not delivered", "was rejected by", "not listed in",
    "kunde inte levereras", "gick inte att leverera", "det gick inte att leverera", "kunde inte nås",
    "leveransen till följande", "nicht zugestellt werden", "konnte nicht zugestellt", "zustellung fehlgeschlagen",
    "fehler bei der zustellung", "kunne ikke leveres", "kan ikke leveres", "niet worden bezorgd", "niet bezorgd",
    "n'a pas pu être", "n'a pas été remis", "échec de la remise", "no se pudo entregar", "no se ha podido entregar",
    "impossibile recapitare", "non è stato recapitato", "nie można dostarczyć", "nie została dostarczona",
    "ei voitu toimittaa", "toimittaminen epäonnistui", "não pôde ser entregue", "не может быть доставлено",
    "не удалось доставить", "не было доставлено", "送信できませんでした", "配信できませんでした", "配信に失敗",
    "送信に失敗", "無法傳遞", "无法投递", "退回", "投递失败", "被退回", "leveransen misslyckades",
    "inte levererats", "har inte levererats", "adressen kunde inte hittas", "okänd mottagare", "levering mislyktes",
    "levering mislykkedes", "toimitus epäonnistui", "fehler bei der nachrichtenzustellung", "folgende empfänger",
    "bezorgen is mislukt", "error de entrega", "recapito non riuscito", "nie powiodło się",
    "temporary problem delivering", "address not found", "diagnostic information for administrators",
)  # fmt: skip

BEFORE_RECIPIENT = (
    "rcpt to:", "rcpt to", "rcpt:", "recipient:", "recipients:", "recipient", "recipient address:", "recipient(s):",
    "failed recipient:", "final delivery userid:", "undeliverable to", "undeliverable to:", "delivered to",
    "delivered to:", "deliver message to", "deliver message to:", "deliver to", "deliver to:",
    "delivering your mail to", "delivering to", "delivery to", "deliver mail to", "deliver your message to",
    "message to", "mail to", "email to", "delivery failed:", "delivery failed for", "permanent errors:",
    "temporary errors:", "errors:", "userid:", "user:", "user", "address:", "addresses:", "address", "mailbox",
    "account", "gateway for", "forward path:", "to address:", "sent to", "destination:", "destinatario:",
    "destinataire:", "empfänger:", "mottagare:", "till", "t=[", "relay to", "reach", "not reach",
    "following address", "failed address:", "for", "send to", "mailing list",
)  # fmt: skip
"""What stands before the failed address in a sentence. Compared after `<`, quotes and spaces are removed."""

CONTACT_WORDS = (
    "contact", "assistance", "help", "questions", "report this", "kontakta", "support", "wenden", "abuse",
    "please forward", "from:", "from ", "sender:", "mail from", "sent by", "reply to", "ご連絡", "問い合わせ",
)  # fmt: skip
"""Words before an address that tell it is somebody to ask, or the sender, not the one who failed to get the mail."""

ORIGINAL_FOLLOWS = (
    "below this line is a copy", "is a copy of the message", "copy of the original message",
    "original message follows", "unsent message follows", "returned mail follows", "returned message follows",
    "message header follow", "headers follow", "header follows", "message body follows", "returned message ---",
    "original message ---", "original mail info", "---original message", "original message is following",
    "copy of the message header", "nachricht folgt", "ursprungligt meddelande", "ursprüngliche nachricht",
    "message d'origine", "mensaje original", "messaggio originale",
)  # fmt: skip
"""Words of the line that announces the returned mail."""
