"""Asks a process whether it is ready."""

import json
import urllib.error
import urllib.request


def ready(url: str) -> bool:
    """Whether `url`/readyz answers 200."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return answer.status == 200  # noqa: PLR2004, RUF100
    except (OSError, ValueError):
        return False


def reasons(url: str) -> str:
    """Why `url`/readyz does not answer 200, in its own words."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - our own loopback address
            return ""
    except urllib.error.HTTPError as error:
        try:
            return "; ".join(str(one) for one in json.load(error)["reasons"])
        except (ValueError, KeyError, TypeError):
            return f"HTTP {error.code}"
    except OSError as error:
        return str(error)
