#!/bin/sh
# firejail: `firejail.sh PROJECT COMMAND…`. Its own filters, no capabilities, no network, no home but the
# project; the repository's own files read-only and `.loki` not there.
set -eu
project=$1
shift
cd "$project"
set -- -- "$@"
if [ -d "$project/.loki" ]; then set -- "--blacklist=$project/.loki" "$@"; fi
if [ -e "$project/.git" ]; then set -- "--read-only=$project/.git" "$@"; fi
exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$HOME" LANG=C.UTF-8 firejail --quiet --noprofile \
  --net=none --caps.drop=all --nonewprivs --noroot --seccomp --seccomp.block-secondary \
  --restrict-namespaces --ipc-namespace --private-dev --private-tmp --disable-mnt --nodbus --nogroups \
  --machine-id --whitelist="$project" --read-only=/usr --read-only=/etc --blacklist=/boot \
  --blacklist=/sys --blacklist=/root "$@"
