"""The images' health check: asks /readyz of the service in this container; exit code 0 when it is ready.

`ASTROSCALE_READY_PORT` names the setting that holds the port, so that moving the port moves the check. Standard library
only and run with `python -I`: it runs every few seconds beside the service, so it has to be cheap.
"""

import os
import socket
import sys

TIMEOUT_S = 3.0
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def ask(port: int, *, tls: bool = False) -> bytes:
    """The answer to `GET /readyz`; nothing where the other side speaks TLS and we do not."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as plain:
        connection = _encrypted(plain) if tls else plain
        connection.sendall(REQUEST)
        answer = b""
        try:
            while chunk := connection.recv(65_536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


def _encrypted(plain: socket.socket) -> socket.socket:
    import ssl  # only for a gateway with a certificate: it takes longer to load than all the rest

    context = ssl.create_default_context()
    # The certificate is for the gateway's callers, by a name that is not this container's loopback address.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def main() -> int:
    """Prints what the service said (the engine keeps it with the container's health)."""
    port = int(os.environ[os.environ["ASTROSCALE_READY_PORT"]])
    try:
        answer = ask(port)
        if not answer.startswith(b"HTTP/"):
            answer = ask(port, tls=True)
    except OSError as error:
        sys.stdout.write(f"no answer on port {port}: {error}")
        return 1
    head, _, body = answer.decode("utf-8", "replace").partition("\r\n\r\n")
    sys.stdout.write(body or head)
    return 0 if head.split(" ", 2)[1:2] == ["200"] else 1


if __name__ == "__main__":
    sys.exit(main())
