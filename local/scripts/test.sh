#!/bin/sh
# The page's tests, then pytest: everything that needs no container engine. Run by `make test`; arguments go to pytest.
# Leaves build/test/*.xml (JUnit) for whoever adds results up.
set -u
mkdir -p build/test
rm -f build/test/*.xml
failed=0
local/scripts/web.sh run test --silent -- --reporter=default --reporter=junit --outputFile.junit=../build/test/page.xml || failed=1
.venv/bin/python -m pytest tests/unit tests/contract tests/integration tests/browser \
    -m "not compose" --junit-xml=build/test/pytest.xml "$@" || failed=1
exit $failed
