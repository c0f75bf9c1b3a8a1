"""Writes `jgo.lock.toml`: every jar of the broker with its exact version and SHA-256.

    uv run python -m astroscale_local.kafka.lock

Run after a change to `jgo.toml`; the lock is committed and is all that `jars.py` reads.
"""

import sys
from pathlib import Path

from jgo.env import EnvironmentSpec, LockFile
from jgo.env._lockfile import compute_spec_hash
from jgo.maven import Dependency, MavenContext
from jgo.parse import Coordinate

SPEC = Path(__file__).parent / "jgo.toml"
LOCK = Path(__file__).parent / "jgo.lock.toml"


def lock() -> LockFile:
    """Resolves the spec's coordinates with all they need at run time and hashes each jar."""
    spec = EnvironmentSpec.load(SPEC)
    context = MavenContext(timeout=60)
    wanted: list[Dependency] = []
    for text in spec.coordinates:
        raw = text.endswith("!")
        found = Coordinate.parse(text.removesuffix("!"))
        component = context.project(found.groupId, found.artifactId).at_version(str(found.version))
        wanted.append(Dependency(component.artifact(), raw=raw))
    direct, transitive = context.resolver.resolve(wanted)
    dependencies = sorted((*direct, *transitive), key=lambda one: (one.groupId, one.artifactId))
    return LockFile.from_resolved_dependencies(
        dependencies,
        environment_name=spec.name,
        min_java_version=17,
        entrypoints=spec.entrypoints,
        default_entrypoint=spec.default_entrypoint,
        spec_hash=compute_spec_hash(SPEC),
    )


if __name__ == "__main__":
    made = lock()
    made.save(LOCK)
    sys.stdout.write(f"{len(made.dependencies)} jars locked in {LOCK.name}\n")
