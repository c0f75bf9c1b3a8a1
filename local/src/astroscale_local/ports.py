"""Free and busy ports on this machine."""

import random
import socket

from astroscale_local.errors import LocalError

# Below the range that Linux and macOS hand out for outgoing connections, so nobody's client takes the port meanwhile.
_LOWEST, _HIGHEST = 20_000, 31_999
_handed_out: set[int] = set()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host:port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now and that this process has not handed out before."""
    for _ in range(1000):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - no secret
        if port not in _handed_out and is_free(port, host):
            _handed_out.add(port)
            return port
    raise LocalError("No free port was found on this machine.", "Close some programs and try again.")


def resolve(port: int, what: str, setting: str, host: str = "127.0.0.1") -> int:
    """`port` itself if it is free, any free one for 0.

    Raises:
        LocalError: the port is taken; names the port and the setting that moves it.
    """
    if port == 0:
        return free_port(host)
    if not is_free(port, host):
        raise LocalError(
            f"Port {port} for {what} is already in use by another program.",
            f"Stop that program, or choose another port with {setting} (0 takes any free one).",
        )
    return port
