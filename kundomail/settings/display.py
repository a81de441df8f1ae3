"""Showing a mail: the limits of sanitising, and how much of a conversation is shown at once."""

SANITISER_CPU_SECONDS = 4  # one mail's HTML; nh3 is quadratic in nesting
SANITISER_WAIT_SECONDS = 15  # by the clock, on a machine that has much to do
SANITISER_MEMORY_OCTETS = 1024 * 1024 * 1024  # address space of the process that sanitises
SANITISER_PROCESSES = 2  # per web process, started when first needed
MESSAGE_HTML_CHARACTERS = 1_000_000  # longer HTML is shown as text
MESSAGE_TEXT_CHARACTERS = 200_000  # shown of one message; the rest is in the original
MESSAGES_SHOWN = 8  # of a conversation; earlier ones are folded
UNTOLD_FAILURES_SHOWN = 3  # mails that did not arrive, above their author's list; then only how many more
RELATED_CONVERSATIONS_SHOWN = 5  # of the same customer, in the side panel
INLINE_IMAGE_OCTETS = 10 * 1024 * 1024  # a larger picture inside a mail is only an attachment
LIVE_RIGHTS_SECONDS = 5  # then a page that is told something has its person's rights looked at again
LIVE_COALESCE_SECONDS = 0.3  # news within this time reach a page as one
DRAFT_CHARACTERS = 200_000
