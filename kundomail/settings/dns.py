"""DNS: whom the checks ask, how patiently, and the demo DNS server of local mode."""

from kundomail.settings.environment import BASE_DIR, LOCAL, env

# Recursive resolvers, `address`, `address:port` or `[v6]:port`. Own validating resolvers first, then public ones.
DNS_RESOLVERS: list[str] = env.list(
    "DNS_RESOLVERS",
    default=[f"127.0.0.1:{env.int('DNS_AUTHORITATIVE_PORT', default=5300)}"]
    if LOCAL
    else ["1.1.1.1", "8.8.8.8", "9.9.9.9"],
)
# Port of the authoritative servers. Anything but 53 is for local use and tests.
DNS_AUTHORITATIVE_PORT: int = env.int("DNS_AUTHORITATIVE_PORT", default=5300 if LOCAL else 53)
# Ask nameservers on private, loopback and other special-purpose addresses. Never true where tenants are strangers.
DNS_ALLOW_PRIVATE: bool = env.bool("DNS_ALLOW_PRIVATE", default=LOCAL)
# Further networks that are never asked, for example the service's own prefixes (CIDR).
DNS_OWN_NETWORKS: list[str] = env.list("DNS_OWN_NETWORKS", default=[])

# Patience: seconds of each try over UDP, of one exchange over TCP, and of a whole check.
DNS_TRY_SECONDS: list[float] = [float(value) for value in env.list("DNS_TRY_SECONDS", default=["1.0", "1.5"])]
DNS_TCP_SECONDS: float = env.float("DNS_TCP_SECONDS", default=2.0)
DNS_WALL_SECONDS: float = env.float("DNS_WALL_SECONDS", default=25.0)
# Politeness: queries per second and burst towards one nameserver address, over all organizations. In local mode every
# nameserver is the demo server on one address.
DNS_QUERIES_PER_SECOND: float = env.float("DNS_QUERIES_PER_SECOND", default=1000.0 if LOCAL else 20.0)
DNS_QUERY_BURST: int = env.int("DNS_QUERY_BURST", default=2000 if LOCAL else 40)
# Queries under way at once in one process.
DNS_IN_FLIGHT: int = env.int("DNS_IN_FLIGHT", default=400)

# The demo DNS server (`manage.py demo_dns`), local mode only.
DEMO_DNS_DOMAINS: list[str] = env.list("DEMO_DNS_DOMAINS", default=["lillestad.se"])
DEMO_DNS_STATE_FILE: str = env.str("DEMO_DNS_STATE_FILE", default=str(BASE_DIR / ".local" / "demo-dns.json"))
# How long a resolver may remember "does not exist", seconds (SOA minimum, RFC 2308).
DEMO_DNS_NEGATIVE_TTL_SECONDS: int = env.int("DEMO_DNS_NEGATIVE_TTL_SECONDS", default=5)

# When a sender domain is checked (whitelabel.schedule).
SENDER_CHECK_BATCH = 200  # domains taken at a time by one worker
SENDER_CHECK_LEASE_SECONDS = 60  # longer than DNS_WALL_SECONDS
SENDER_CHECK_JITTER = 0.2  # share of the wait, so that domains do not march in step
SENDER_WATCH_SECONDS = 30  # a page counts as open so long after its last sign of life
SENDER_MANUAL_CHECK_SECONDS = 3  # between two presses of "check now"
SENDER_MANUAL_CHECKS_AN_HOUR = 60  # of one organization, links for IT included
SENDER_DOMAIN_CHECK_SECONDS = 3  # between two checks of one registered domain, over all organizations
SENDER_DOMAINS_MOST = 20  # claims of one organization
SENDER_AGREEING_SECONDS = 5  # between two rounds that must both find everything right before Activate works
SENDER_STOP_AFTER_DAYS = 14  # a domain that nobody finishes is not checked for ever
SENDER_BAD_AGAIN_MINUTES = 10  # a record must be wrong twice, so far apart, to count against an active domain
SENDER_MENDED_MINUTES = 30  # a record that was wrong must be right so long before mail rests on it again
SENDER_UNCLEAR_DAYS = 7  # the admins hear of a domain in use about which its nameservers say nothing clear
SENDER_GRACE_HOURS = 72  # a degraded claim is suspended after this
SENDER_REJECTED_HOURS = 1  # the same when neither signature nor SPF holds: mail would be refused
RECORDS_LINK_DAYS = 14  # life of the link for IT

# Domains of the service that nobody may claim, beside MAIL_DOMAIN and what is below it.
SENDER_OWN_DOMAINS: list[str] = env.list("SENDER_OWN_DOMAINS", default=[])
# How long the organization that already sends as a domain may object to a second one.
SENDER_SHARED_NOTICE_DAYS: int = env.int("SENDER_SHARED_NOTICE_DAYS", default=7)

# Replacing DKIM keys (whitelabel.rotation): how often, how long the new key must have been on all nameservers before it is
# used, how long the old one stays for mail on its way, and when to ask again after a replacement was cancelled.
ROTATION_DAYS: int = env.int("ROTATION_DAYS", default=180)
ROTATION_WAIT_HOURS = 48
ROTATION_KEEP_DAYS = 7
ROTATION_POSTPONE_DAYS = 30

# The addresses our mail leaves from. Activate evaluates SPF for each of them; empty = not evaluated, and the evidence says so.
RELAY_EGRESS_IPS: list[str] = env.list("RELAY_EGRESS_IPS", default=[])

DNS_BEAT_SCHEDULE = {
    # Cheap when nothing is due; the page that is open wants an answer within seconds.
    "check-due-sender-domains": {
        "task": "whitelabel.tasks.check_due_domains",
        "schedule": 2.0,
        "options": {"expires": 2},
    },
}
