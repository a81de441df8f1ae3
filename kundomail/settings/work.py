"""The agents' work: lists, search, live updates, and the filing of mail into conversations."""

from kundomail.settings.environment import env

CONVERSATIONS_PER_PAGE = 50
SEARCH_RESULTS = 50
MESSAGE_FRAME_SECONDS = 600  # life of the signed address of a message's HTML
LIVE_PING_SECONDS = 15
LIVE_SESSION_SECONDS = 600  # then the page reconnects and rights are checked again
ATTACHMENT_UPLOAD_OCTETS = 17 * 1024 * 1024  # all files of one reply; grows by a third when encoded
ATTACHMENTS_MAX = 100  # files of one reply; as many as Django reads of one form
INLINE_PICTURE_OCTETS = 5 * 1024 * 1024  # one picture in the text of a reply
QUOTED_PICTURES_OCTETS = 5 * 1024 * 1024  # pictures of the mail answered that are sent along in the quote, together
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024  # octets of a form without its files
REQUEST_BODY_OCTETS = ATTACHMENT_UPLOAD_OCTETS + DATA_UPLOAD_MAX_MEMORY_SIZE  # of anybody; more is answered 413

# Filing of accepted mail (forwarding.filing).
FILING_BATCH = 80  # deliveries claimed at a time
FILING_BATCH_OCTETS = 8 * 1024 * 1024  # of mail filed in one transaction; a larger mail has one to itself
FILING_LEASE_SECONDS = 30  # how long a killed worker's mail waits; taking a row twice is harmless
FILING_PORTION_SECONDS = 1.0  # of reading; then what was read is filed before more is read
FILING_LIGHT_OCTETS = 64 * 1024  # mail up to this size has a lane of its own and waits for no larger one
FILING_RETRY_MINUTES = (1, 10, 60)  # then the mail is shown as well as it can be
FILING_DEATHS_FORGIVEN = 5  # workers that may end with a mail in their hands before it is held against the mail
# Mail storms (forwarding.storms): mails of one sender, or with one subject, in one inbox within the minutes.
FILING_STORM_OF_SENDER: int = env.int("FILING_STORM_OF_SENDER", default=20)
FILING_STORM_OF_SUBJECT: int = env.int("FILING_STORM_OF_SUBJECT", default=50)
FILING_STORM_OF_REPORTS: int = env.int("FILING_STORM_OF_REPORTS", default=30)  # about mail not sent from here
FILING_STORM_MINUTES: int = env.int("FILING_STORM_MINUTES", default=10)
FILING_STORM_CALM_MINUTES: int = env.int("FILING_STORM_CALM_MINUTES", default=60)  # without its mail, then it is over
# Proving the author of a filed mail by DKIM and ARC (forwarding.verifying).
VERIFY_BATCH = 50  # mails taken at a time
VERIFY_LEASE_SECONDS = 120
VERIFY_RETRY_MINUTES = (2, 15, 120, 720)  # while a domain cannot be asked; then it stays unknown
VERIFY_DNS_SECONDS: float = env.float("VERIFY_DNS_SECONDS", default=5.0)  # patience for one name
VERIFY_DNS_CACHED_NAMES = 10_000
VERIFY_DNS_THREADS = 16  # mails whose names are waited for at a time
VERIFY_MAIL_SECONDS = 15.0  # patience for all keys of one mail; the rest counts as not answered
# "domain=network|network" of customers' own mail gateways: their ARC seals count, beside Microsoft's and Google's.
TRUSTED_SEALERS: list[str] = env.list("TRUSTED_SEALERS", default=[])
