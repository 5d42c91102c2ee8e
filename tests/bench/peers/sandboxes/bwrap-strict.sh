#!/bin/sh
# bubblewrap: `bwrap-strict.sh PROJECT COMMAND…`. Every namespace, no network, no home, no way to nest; the
# repository's own files read-only and `.loki` not there, where the project has them.
set -eu
project=$1
shift
root=$project
set -- --chdir "$root" --cap-drop ALL -- "$@"
if [ -d "$root/.loki" ]; then set -- --tmpfs "$root/.loki" "$@"; fi
if [ -e "$root/.git" ]; then set -- --ro-bind "$root/.git" "$root/.git" "$@"; fi
exec bwrap --unshare-all --unshare-user --disable-userns --die-with-parent --new-session \
  --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin --setenv HOME /tmp --setenv LANG C.UTF-8 \
  --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib \
  --symlink usr/lib64 /lib64 --ro-bind /etc/alternatives /etc/alternatives --ro-bind /etc/ld.so.cache /etc/ld.so.cache \
  --proc /proc --dev /dev --tmpfs /tmp --bind "$root" "$root" "$@"
