"""Checks that the lock files name the public default index alone, whatever mirror wrote them.

    lock_indexes.py PATH-OF-UV

What the default is, uv and npm say themselves.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit


def default_python_index(uv: str) -> str:
    """The index that uv uses unless told otherwise, from its own help."""
    text = subprocess.run([uv, "sync", "--help"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"default package index \(by default:\s*<([^>]+)>", text)
    if found is None:
        raise SystemExit("uv does not say what its default index is")
    return found.group(1)


def default_npm_registry(web: Path) -> str:
    """The registry that npm uses unless told otherwise."""
    env = {name: value for name, value in os.environ.items() if not name.lower().startswith("npm_config_")}
    command = ["npm", "config", "get", "registry", "--userconfig=.no-user-config", "--globalconfig=.no-global-config"]
    return subprocess.run(command, cwd=web, env=env, capture_output=True, text=True, check=True).stdout.strip()


def check_uv_lock(path: Path, index: str) -> list[str]:
    """What is wrong with uv.lock: another index, or files from more than one host."""
    packages = tomllib.loads(path.read_text(encoding="utf-8"))["package"]
    wrong: list[str] = []
    hosts: set[str] = set()
    for package in packages:
        source = package["source"]
        if source.get("registry", index) != index or source.keys() & {"url", "git"}:
            wrong.append(f"{path}: {package['name']} does not come from the default index")
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        hosts |= {str(urlsplit(one["url"]).hostname) for one in files if "url" in one}
    if len(hosts) > 1:
        wrong.append(f"{path}: files from several hosts")
    return wrong


def check_package_lock(path: Path, registry: str) -> list[str]:
    """What is wrong with package-lock.json: a package from elsewhere than the default registry."""
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    return [
        f"{path}: {name} does not come from the default registry"
        for name, package in packages.items()
        if not package.get("link") and not package.get("resolved", registry).startswith(registry)
    ]


def main() -> int:
    wrong = check_uv_lock(Path("uv.lock"), default_python_index(sys.argv[1]))
    web = Path("web")
    if (web / "package-lock.json").exists():
        wrong += check_package_lock(web / "package-lock.json", default_npm_registry(web))
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
