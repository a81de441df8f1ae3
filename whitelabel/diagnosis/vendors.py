"""Names by which other senders, DNS hosts and proxies are recognised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

SENDERS: Mapping[str, str] = {
    "mailgun.org": "Mailgun",
    "sendgrid.net": "SendGrid",
    "amazonses.com": "Amazon SES",
    "mandrillapp.com": "Mandrill",
    "mcsv.net": "Mailchimp",
    "sparkpostmail.com": "SparkPost",
    "mtasv.net": "Postmark",
    "resend.com": "Resend",
    "sendinblue.com": "Brevo",
    "brevo.com": "Brevo",
    "mailjet.com": "Mailjet",
    "hubspotemail.net": "HubSpot",
    "zendesk.com": "Zendesk",
    "freshdesk.com": "Freshdesk",
    "freshemail.io": "Freshdesk",
    "intercom-mail.com": "Intercom",
    "helpscoutemail.com": "Help Scout",
    "frontapp.com": "Front",
    "salesforce.com": "Salesforce",
    "protection.outlook.com": "Microsoft 365",
    "onmicrosoft.com": "Microsoft 365",
    "google.com": "Google",
    "googlemail.com": "Google",
    "zoho.com": "Zoho",
    "zoho.eu": "Zoho",
    "loopia.se": "Loopia",
    "one.com": "one.com",
    "mailersend.net": "MailerSend",
    "apsis.com": "Apsis",
    "anpdm.com": "Apsis",
    "getanewsletter.com": "Get a Newsletter",
}

DNS_HOSTS: Mapping[str, str] = {
    "ns.cloudflare.com": "Cloudflare",
    "loopia.se": "Loopia",
    "one.com": "one.com",
    "binero.se": "Binero",
    "glesys.se": "GleSYS",
    "dnsmadeeasy.com": "DNS Made Easy",
    "domaincontrol.com": "GoDaddy",
    "azure-dns.com": "Azure DNS",
    "azure-dns.net": "Azure DNS",
    "azure-dns.org": "Azure DNS",
    "azure-dns.info": "Azure DNS",
    "googledomains.com": "Google",
    "registrar-servers.com": "Namecheap",
    "misshosting.com": "Miss Hosting",
    "inleed.net": "Inleed",
    "oderland.com": "Oderland",
    "simply.com": "Simply.com",
    "websupport.se": "Websupport",
    "hetzner.com": "Hetzner",
    "ovh.net": "OVH",
    "gandi.net": "Gandi",
    "dnsimple.com": "DNSimple",
    "ui-dns.com": "IONOS",
    "nsone.net": "NS1",
}

# Published by the vendor as its proxy's address ranges.
PROXIES: Mapping[str, tuple[str, ...]] = {
    "Cloudflare": (
        "103.21.244.0/22",
        "103.22.200.0/22",
        "103.31.4.0/22",
        "104.16.0.0/13",
        "104.24.0.0/14",
        "108.162.192.0/18",
        "131.0.72.0/22",
        "141.101.64.0/18",
        "162.158.0.0/15",
        "172.64.0.0/13",
        "173.245.48.0/20",
        "188.114.96.0/20",
        "190.93.240.0/20",
        "197.234.240.0/22",
        "198.41.128.0/17",
        "2400:cb00::/32",
        "2405:8100::/32",
        "2405:b500::/32",
        "2606:4700::/32",
        "2803:f800::/32",
        "2a06:98c0::/29",
        "2c0f:f248::/32",
    ),
}


ROUTE_53 = "Amazon Route 53"


def vendor_of(name: str, vendors: Mapping[str, str]) -> str:
    """The vendor whose name space `name` is in, or ""."""
    labels = name.rstrip(".").lower().split(".")
    return next((vendors[s] for n in range(len(labels)) if (s := ".".join(labels[n:])) in vendors), "")


def sender_of(names: Iterable[str], ours: str) -> str:
    """The first known sender among host names, leaving out our own."""
    return next((v for name in names if not _within(name, ours) and (v := vendor_of(name, SENDERS))), "")


def dns_host_of(nameservers: Iterable[str]) -> str:
    """The DNS host that runs these nameservers, or "" when unknown. Route 53 numbers its domains."""
    for name in nameservers:
        if ".awsdns-" in f".{name}":
            return ROUTE_53
        if vendor := vendor_of(name, DNS_HOSTS):
            return vendor
    return ""


def dns_hosts() -> tuple[str, ...]:
    """The DNS hosts that can be recognised, by name, to choose from."""
    return tuple(sorted({*DNS_HOSTS.values(), ROUTE_53}, key=str.casefold))


def is_proxied(address: str) -> bool:
    """Whether an A or AAAA value lies in a known proxy's range."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    networks = (ip_network(text) for texts in PROXIES.values() for text in texts)
    return any(parsed in network for network in networks if network.version == parsed.version)


def _within(name: str, zone: str) -> bool:
    return bool(zone) and (name == zone or name.endswith(f".{zone}"))
