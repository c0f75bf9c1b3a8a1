"""What the subcommands of `astroscale model` share: options, the slots as Kafka knows them, waiting for the gateway."""

import asyncio
import time
from typing import Annotated, Final

import typer
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from rich.markup import escape

from astroscale_client import models, where
from astroscale_client.api import AstroScale
from astroscale_client.output import err

Json = Annotated[bool, typer.Option("--json", help="JSON.")]
Url = Annotated[str | None, typer.Option(help="The gateway.", envvar="ASTROSCALE_URL", show_default=where.DEFAULT_URL)]
Wait = Annotated[float, typer.Option(min=0.0, help="Seconds to wait until the gateway serves it.")]

_POLL_S: Final = 0.3


def slots_if_reachable() -> models.Slots | None:
    """What each slot points at; None, and a note, where Kafka does not answer or has no such topic yet."""
    try:
        return asyncio.run(models.slots_of(KafkaSettings.load()))
    except AstroScaleError as error:
        if error.code not in ("kafka_unreachable", "topic_missing"):
            raise
        err().print(
            f"[yellow]note:[/] {escape(error.message)}, so which slot points where is not known", soft_wrap=True
        )
        return None


def wait_served(version: str, url: str | None, seconds: float) -> bool:
    """Whether the gateway answers with this version within so many seconds."""
    end = time.monotonic() + seconds
    with AstroScale(url, timeout=5.0, retries=0) as scale:
        while True:
            try:
                if scale.model().get("version") == version:
                    return True
            except AstroScaleError as error:
                if not error.retryable:
                    raise
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
