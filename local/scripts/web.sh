#!/bin/sh
# Runs npm for the page with a Node that can: web.sh ARGUMENTS-OF-NPM. Installs the locked packages where they changed.
set -eu
# shellcheck source=local/scripts/tools.sh
. local/scripts/tools.sh
node=$(ensure_node)
[ -z "$node" ] || PATH="$node:$PATH"
export PATH
cd web
if ! cmp -s package-lock.json node_modules/.astroscale-lock; then
    npm ci --no-audit --no-fund --loglevel=error || fail \
        "The page's packages could not be installed." \
        "Check the connection to the npm registry and run this again."
    cp package-lock.json node_modules/.astroscale-lock
fi
exec npm "$@"
