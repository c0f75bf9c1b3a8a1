"""Dead letters as files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer
from astroscale_shared.messaging import headers, letters
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.redrive import Original, Planned, originals
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client.dlq import selection

INDEX = "index.jsonl"


async def as_lines(client: AIOKafkaConsumer, messages: Iterable[Refused], out: Path) -> int:
    """Each letter as a line of JSON, with its message's position; how many. AstroScaleError `file_exists`."""
    _new(out)
    count = 0
    with out.open("wb") as file:
        async for message, letter in selection.letters_of(client, list(messages)):
            file.write(orjson.dumps({"position": message.position, **letter.model_dump()}) + b"\n")
            count += 1
    return count


async def as_messages(client: AIOKafkaConsumer, messages: Iterable[Refused], out: Path) -> list[Planned]:
    """Each message's bytes as a file of their own in a folder, and a line in its index; those that are not whole any
    more have a problem. AstroScaleError `file_exists`."""
    _new(out)
    out.mkdir(parents=True)
    planned = [Planned(message, message.chosen()) for message in messages]
    with (out / INDEX).open("wb") as index:
        async for one, original in originals(client, planned):
            name = f"{one.message.position}{_suffix(original)}"
            (out / name).write_bytes(original.value)
            index.write(orjson.dumps(_line(one.message, original, name)) + b"\n")
    return [one for one in planned if one.problem is not None]


def _line(message: Refused, original: Original, name: str) -> dict[str, Any]:
    key = None if original.key is None else original.key.decode("utf-8", "backslashreplace")
    head = message.head
    return {
        "file": name,
        "topic": head.topic,
        "partition": head.partition,
        "offset": head.offset,
        "key": key,
        "headers": headers.read(original.headers),
        "refused": message.rows,
    }


def _suffix(original: Original) -> str:
    if headers.read(original.headers).get(CONTENT_TYPE, "").startswith(ARROW):
        return ".arrow"
    shown = letters.text(original.value)
    if shown is None:
        return ".bin"
    return ".json" if shown.lstrip()[:1] in ("{", "[") else ".txt"


def _new(out: Path) -> None:
    if out.exists():
        raise AstroScaleError("file_exists", f"{out} is there already: choose another name")
