#!/bin/bash
# Writes Postfix's configuration for one of two posts and runs it in the foreground.
#   relay  takes mail from the product and delivers it to the world
#   front  stands before the product's SMTP server and passes every session on
# RELAY_LOG_FILE is where the relay logs, for the product to read what was taken over; the log comes to stdout as well.
# CONFIGURE_ONLY=directory writes the configuration there and stops, for tests.
set -euo pipefail
post=${1:?relay or front}
: "${MAIL_DOMAIN:?is not set}" "${POSTFIX_HOSTNAME:?is not set}" "${POSTFIX_UPSTREAM:?is not set}"
directory=${CONFIGURE_ONLY:-/etc/postfix}
log=${RELAY_LOG_FILE:-/dev/stdout}
log_octets=$((100 * 1024 * 1024)) # about 100,000 mails; as much again is kept of the log before
mkdir -p "$directory"

common() {
    cat <<CONF
compatibility_level = 3.6
maillog_file = $log
myhostname = $POSTFIX_HOSTNAME
mydestination =
local_recipient_maps =
local_transport = error:no local mail
alias_maps =
inet_interfaces = all
smtputf8_enable = yes
message_size_limit = 52428800
disable_vrfy_command = yes
biff = no
CONF
}

# Only the product's containers may send. A bounce for the product's own domain goes back to it and never out.
relay() {
    cat <<CONF
mynetworks = 127.0.0.0/8 [::1]/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = ${POSTFIX_RELAYHOST:-}
transport_maps = inline:{{$MAIL_DOMAIN = smtp:[${POSTFIX_UPSTREAM%:*}]:${POSTFIX_UPSTREAM##*:}}}
smtp_tls_security_level = may
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
maximal_queue_lifetime = 5d
bounce_queue_lifetime = 5d
# The product's DKIM signatures and address tags must survive.
always_add_missing_headers = no
CONF
}

# A proxy before the queue: the product answers RCPT and the end of DATA itself, so this server never keeps a mail and
# never bounces one. Every domain passes because the product alone knows which addresses exist.
front() {
    cat <<CONF
mynetworks = 127.0.0.0/8
relay_domains = static:all
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = reject_non_fqdn_recipient, permit
smtpd_proxy_filter = ${POSTFIX_UPSTREAM}
smtpd_proxy_timeout = 600s
smtpd_client_connection_rate_limit = 300
smtpd_client_connection_count_limit = 50
smtpd_delay_reject = yes
smtpd_helo_required = yes
CONF
    if [ -n "${POSTFIX_CERTIFICATE:-}" ]; then
        cat <<CONF
smtpd_tls_security_level = may
smtpd_tls_cert_file = /certificates/$POSTFIX_CERTIFICATE
smtpd_tls_key_file = /certificates/${POSTFIX_CERTIFICATE_KEY:?is not set}
CONF
    fi
}

case $post in relay | front) ;; *) echo "unknown post: $post" >&2; exit 2 ;; esac
{ common; "$post"; } >"$directory/main.cf"
[ -n "${CONFIGURE_ONLY:-}" ] && exit 0
# A chroot would need its own copy of resolv.conf and certificates; the container is one already.
postconf -M | awk '{ $5 = "n"; print }' >"$directory/master.cf.new"
mv "$directory/master.cf.new" "$directory/master.cf"
if [ "$log" != /dev/stdout ]; then
    mkdir -p "$(dirname "$log")"
    # Postfix would make a file that only root may read.
    [ -e "$log" ] || install -m 0644 /dev/null "$log"
    tail -n 0 -F "$log" &
    while sleep 60; do /rotate.sh "$log" "$log_octets"; done &
fi
exec postfix start-fg
