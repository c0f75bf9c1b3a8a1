#!/bin/sh
# Every check, also after one has failed; ends with what failed. Run by `make check`.
set -u
# shellcheck source=local/scripts/tools.sh
. local/scripts/tools.sh
uv=$(ensure_uv)
node=$(ensure_node)
[ -z "$node" ] || PATH="$node:$PATH"
export PATH
failed=""

# check NAME COMMAND...: one line where it passes, its output where it does not
check() {
    name=$1
    shift
    began=$(date +%s)
    if output=$("$@" 2>&1); then
        printf '  ok      %-28s %3d s\n' "$name" "$(($(date +%s) - began))"
    else
        printf '  FAILED  %-28s %3d s\n%s\n' "$name" "$(($(date +%s) - began))" "$output"
        failed="$failed, $name"
    fi
}

check "format" .venv/bin/ruff format --check .
check "lint" .venv/bin/ruff check .
check "lock file is current" "$uv" lock --check
check "lock files: public index only" .venv/bin/python local/scripts/lock_indexes.py "$uv"
check "architecture" .venv/bin/lint-imports
check "types" .venv/bin/pyright
check "page: types" local/scripts/web.sh run check
check "page: lint" local/scripts/web.sh run lint
check "members by themselves" .venv/bin/python local/scripts/members.py "$uv"

[ -z "$failed" ] || fail "make check: failed: ${failed#, }" "The output of each is above."
echo "make check: all passed"
