#!/bin/sh
# Brings what the project needs into .astroscale/tools and .venv: uv, a Python, Node where the system's is too old.
# Needs only a POSIX shell and a Python >= 3.11. Run by `make setup`, from the checkout's folder.
#   bootstrap.sh python   uv and .venv with every member
#   bootstrap.sh node     a Node that builds the page; prints the folder to put on PATH, if any
set -eu
# shellcheck source=local/scripts/tools.sh
. local/scripts/tools.sh

case "$1" in
python)
    uv=$(ensure_uv)
    python=$(choose_python "$uv")
    # --frozen: what is locked is installed; `make check` sees to it that the lock is current.
    "$uv" sync --frozen --quiet --python "$python" || fail \
        "The Python packages could not be installed." \
        "Check the connection to the Python package index (or to the mirror that is set up) and run \`make setup\` again."
    ;;
node) ensure_node ;;
*) fail "bootstrap.sh: unknown step $1" "Steps: python, node" ;;
esac
