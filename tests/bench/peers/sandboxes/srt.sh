#!/bin/sh
# sandbox-runtime: `srt.sh PROJECT COMMAND…`. No domain allowed, homes and what lies beside the project not
# to be read, only the project to be written, without `.git` and `.loki`.
set -eu
project=$1
shift
cat >"$HOME/.srt-settings.json" <<SETTINGS
{
  "network": { "allowedDomains": [], "deniedDomains": [] },
  "filesystem": {
    "denyRead": ["/home", "/root", "$HOME", "/etc/shadow", "$project/.loki"],
    "allowRead": ["$project"],
    "allowWrite": ["$project"],
    "denyWrite": ["$project/.git", "$project/.loki"]
  }
}
SETTINGS
cd "$project"
exec env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 srt --settings "$HOME/.srt-settings.json" -- "$@"
