"""Checks that each workspace member imports with only its own dependencies: one environment each, all modules.

    members.py PATH-OF-UV

The environments are under .astroscale/members, linked from uv's cache.
"""

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_ENVIRONMENTS = Path(".astroscale/members")
_IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
"""


def members() -> list[tuple[str, str]]:
    """Distribution name and module name of each member."""
    found: list[tuple[str, str]] = []
    for folder in ("shared", "training", "client", "local", *sorted(str(one) for one in Path("services").iterdir())):
        project = Path(folder) / "pyproject.toml"
        if project.exists():
            document = tomllib.loads(project.read_text(encoding="utf-8"))
            found.append((document["project"]["name"], document["tool"]["uv"]["build-backend"]["module-name"]))
    return found


def check(uv: str, distribution: str, module: str) -> str:
    """Nothing where all is well, else what went wrong."""
    folder = (_ENVIRONMENTS / distribution).resolve()
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    env.pop("VIRTUAL_ENV", None)
    sync = [uv, "sync", "--frozen", "--quiet", "--no-dev", "--package", distribution, "--python", sys.executable]
    for command in (sync, [str(folder / "bin" / "python"), "-c", _IMPORT_ALL, module]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{distribution}:\n{done.stdout}{done.stderr}"
    return ""


def main() -> int:
    uv = str(Path(sys.argv[1]).resolve()) if os.sep in sys.argv[1] else sys.argv[1]
    with ThreadPoolExecutor(2) as pool:
        problems = [one for one in pool.map(lambda member: check(uv, *member), members()) if one]
    sys.stdout.write("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
