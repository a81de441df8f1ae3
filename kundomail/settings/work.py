"""The agents' work: lists, search, live updates, and the filing of mail into conversations."""

CONVERSATIONS_PER_PAGE = 50
SEARCH_RESULTS = 50
MESSAGE_FRAME_SECONDS = 600  # life of the signed address of a message's HTML
LIVE_PING_SECONDS = 15
LIVE_SESSION_SECONDS = 600  # then the page reconnects and rights are checked again
ATTACHMENT_UPLOAD_OCTETS = 17 * 1024 * 1024  # all files of one reply; grows by a third when encoded
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024  # octets of a form without its files
FILING_BATCH = 20  # deliveries claimed at a time
FILING_LEASE_SECONDS = 30  # how long a killed worker's mail waits; taking a row twice is harmless
FILING_RETRY_MINUTES = (1, 10, 60)  # then the mail is shown as well as it can be
