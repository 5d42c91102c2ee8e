#!/bin/sh
# codex's sandbox: `codex.sh PROJECT COMMAND…`. A permission profile with the system read-only, no network,
# nothing of the disk but what programs need, and the project without `.git` and `.loki`. `CODEX_HOME` has to
# be a folder for this user outside temporary folders.
set -eu
project=$1
shift
# One folder each: several run at a time.
CODEX_HOME=$(mktemp -d -p "$CODEX_HOME")
export CODEX_HOME
cat >"$CODEX_HOME/config.toml" <<PROFILE
[permissions.strict]
extends = ":workspace"
[permissions.strict.filesystem]
":root" = "deny"
":minimal" = "read"
":slash_tmp" = "deny"
":tmpdir" = "deny"
"$CODEX_HOME" = "read"
"$(dirname "$(dirname "$(readlink -f "$(command -v codex)")")")" = "read"
"$project" = "write"
"$project/.git" = "read"
"$project/.loki" = "deny"
[permissions.strict.network]
enabled = false
PROFILE
cd "$project"
exec env -i PATH="$PATH" HOME="$HOME" CODEX_HOME="$CODEX_HOME" LANG=C.UTF-8 \
  codex sandbox -P strict -C "$project" -- "$@"
