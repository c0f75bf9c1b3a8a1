"""Where the project is, and whether a container engine can be had."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def engine_missing() -> str | None:
    """Why there is no container engine with compose here; None where there is one."""
    if shutil.which("docker") is None:
        return "no container engine is installed"
    for command, reason in (
        (["docker", "info"], "the container engine does not answer"),
        (["docker", "compose", "version"], "the container engine has no compose"),
    ):
        if subprocess.run(command, capture_output=True, timeout=30, check=False).returncode:
            return reason
    return None
