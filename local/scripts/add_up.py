"""Adds up JUnit files: one last line, `N passed, N failed[, N skipped]`.

    add_up.py FOLDER FAILED-STEPS

A step that failed without a failing test (a check, a crash) counts as one failure.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def count(folder: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of every JUnit file in the folder."""
    passed = failed = skipped = 0
    for path in sorted(folder.glob("*.xml")):
        for case in ET.parse(path).iter("testcase"):  # noqa: S314
            kinds = {child.tag for child in case}
            failed += bool(kinds & {"failure", "error"})
            skipped += "skipped" in kinds and not kinds & {"failure", "error"}
            passed += not kinds & {"failure", "error", "skipped"}
    return passed, failed, skipped


def main() -> int:
    passed, failed, skipped = count(Path(sys.argv[1]))
    failed = max(failed, int(sys.argv[2]))
    line = f"{passed} passed, {failed} failed"
    sys.stdout.write(line + (f", {skipped} skipped\n" if skipped else "\n"))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
