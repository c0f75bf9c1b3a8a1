"""Fetches the broker's jars as `jgo.lock.toml` names them, and believes none whose SHA-256 differs."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.env import LockedDependency, LockFile
from jgo.env._lockfile import compute_sha256
from jgo.maven import MavenContext

from astroscale_local.errors import LocalError

LOCK = Path(__file__).parent / "jgo.lock.toml"
_AT_ONCE = 8
_TRIES = 3


def cache_folder() -> Path:
    """Where jars are kept for every checkout of this user: `ASTROSCALE_CACHE`, else the system's cache folder."""
    if own := os.environ.get("ASTROSCALE_CACHE"):
        return Path(own) / "maven"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "astroscale" / "maven"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "astroscale" / "maven"


def locked() -> list[LockedDependency]:
    """Every jar of the broker, with its SHA-256."""
    return LockFile.load(LOCK).dependencies


def _path(jar: LockedDependency, folder: Path) -> Path:
    return folder / Path(*jar.groupId.split("."), jar.artifactId, jar.version, f"{jar.artifactId}-{jar.version}.jar")


def missing(folder: Path | None = None) -> list[str]:
    """Names of the jars that are not in the cache yet."""
    where = folder or cache_folder()
    return [jar.artifactId for jar in locked() if not _path(jar, where).exists()]


def _fetch(jar: LockedDependency, context: MavenContext) -> Path:
    """One verified jar. A half-written or altered file is fetched again, then refused."""
    path = _path(jar, context.repo_cache)
    problem = ""
    for _ in range(_TRIES):
        try:
            context.project(jar.groupId, jar.artifactId).at_version(jar.version).artifact().resolve()
        except Exception as error:  # noqa: BLE001 - jgo passes on whatever its HTTP library raises; it is told below
            problem = f"{type(error).__name__}: {error}"
            continue
        if compute_sha256(path) == jar.sha256:
            return path
        problem = "its SHA-256 is not the one in jgo.lock.toml"
        path.unlink()
    raise LocalError(
        f"The Kafka jar {jar.artifactId} {jar.version} could not be had: {problem}.",
        "Check the connection to Maven Central (or to the mirror that is set up) and try again.",
    )


def fetch(done: Callable[[str], None] = lambda _: None, folder: Path | None = None) -> list[Path]:
    """All jars of the broker, verified, downloaded where missing.

    Args:
        done: Called with a jar's name when it is there.
        folder: The cache; the user's own by default.

    Raises:
        LocalError: a jar could not be had, or its content is not what the lock says.
    """
    context = MavenContext(repo_cache=folder or cache_folder(), local_repos=[], timeout=60)

    def one(jar: LockedDependency) -> Path:
        path = _fetch(jar, context)
        done(jar.artifactId)
        return path

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(one, locked()))
