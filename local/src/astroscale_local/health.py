"""Asks a process whether it is ready."""

import json
import ssl
import urllib.error
import urllib.request

# Our own process on this machine: its certificate names the host that users call, not loopback.
_OURSELVES = ssl.create_default_context()
_OURSELVES.check_hostname = False
_OURSELVES.verify_mode = ssl.CERT_NONE


def ready(url: str) -> bool:
    """Whether `url`/readyz answers 200."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2, context=_OURSELVES) as answer:  # noqa: S310 - our own loopback address
            return answer.status == 200  # noqa: PLR2004, RUF100
    except (OSError, ValueError):
        return False


def reasons(url: str) -> str:
    """Why `url`/readyz does not answer 200, in its own words."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2, context=_OURSELVES):  # noqa: S310 - our own loopback address
            return ""
    except urllib.error.HTTPError as error:
        try:
            return "; ".join(str(one) for one in json.load(error)["reasons"])
        except (ValueError, KeyError, TypeError):
            return f"HTTP {error.code}"
    except OSError as error:
        return str(error)
