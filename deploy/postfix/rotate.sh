#!/bin/bash
# rotate.sh FILE OCTETS: when Postfix's log FILE has so many octets, keeps it as FILE.1 and begins a new one.
# No line is lost, and the product can read both at any moment, or knows that it cannot: FILE is missing then.
set -euo pipefail
log=${1:?file} octets=${2:?octets}
[ "$(stat -c %s "$log")" -ge "$octets" ] || exit 0
install -m 0644 /dev/null "$log.new"
mv "$log" "$log.1"
mv "$log.new" "$log"
# Until then Postfix writes to the file it has open.
exec postfix reload
