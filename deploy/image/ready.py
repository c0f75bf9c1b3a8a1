"""The images' health check: asks /readyz of the service in this container; exit code 0 when it is ready.

`ASTROSCALE_READY_PORT` names the setting that holds the port, so that moving the port moves the check. Standard library
only and run with `python -I`: it runs every few seconds beside the service, so it has to be cheap.
"""

import os
import socket
import sys

TIMEOUT_S = 3.0


def ask(port: int) -> str:
    """The answer to `GET /readyz`, or why there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
    except OSError as error:
        return f"no answer on port {port}: {error}"
    return answer.decode("utf-8", "replace")


def main() -> int:
    """Prints what the service said (the engine keeps it with the container's health)."""
    answer = ask(int(os.environ[os.environ["ASTROSCALE_READY_PORT"]]))
    head, _, body = answer.partition("\r\n\r\n")
    sys.stdout.write(body or head)
    return 0 if head.split(" ", 2)[1:2] == ["200"] else 1


if __name__ == "__main__":
    sys.exit(main())
