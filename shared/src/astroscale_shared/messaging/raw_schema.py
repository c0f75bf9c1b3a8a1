"""A raw record in JSON as JSON Schema. `python -m astroscale_shared.messaging.raw_schema FILE` writes it for producers.

What it refuses, the preprocessor refuses too, with the same limits: both are made from the table of columns.
"""

import json
import sys
from pathlib import Path
from typing import Any

from astroscale_shared.messaging.codec import MAX_ROWS
from astroscale_shared.messaging.raw_rows import MAX_TEXT
from astroscale_shared.stars.columns import NUMERIC, REQUIRED, TEXT, Column

_TEXTS = {
    "source_id": "the producer's own identifier of the star; carried through to the prediction",
    "survey": "where the star's parameters come from; carried through to the prediction",
}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a message with content-type application/json (or none): a star, or an array of stars.

    JSON lines are one star on each line. Further fields are ignored, and counted.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AstroScale raw record",
        "description": "One star, or an array of stars. Of JSON lines, each line is one star.",
        "anyOf": [
            {"$ref": "#/$defs/star"},
            {"type": "array", "items": {"$ref": "#/$defs/star"}, "maxItems": MAX_ROWS},
        ],
        "$defs": {"star": star()},
    }


def star() -> dict[str, Any]:
    """One star: ra and dec, and whatever else is known. A field that is absent or null is missing, not zero."""
    return {
        "title": "Star",
        "type": "object",
        "required": sorted(REQUIRED, reverse=True),
        "properties": {name: _text(name) for name in TEXT} | {column.name: _number(column) for column in NUMERIC},
        "additionalProperties": True,
    }


def document() -> str:
    """The schema as JSON text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _number(column: Column) -> dict[str, Any]:
    unit = "" if column.unit == "-" else f", in {column.unit}"
    return {
        "type": "number" if column.name in REQUIRED else ["number", "null"],
        "exclusiveMinimum" if column.low_open else "minimum": column.low,
        "exclusiveMaximum" if column.high_open else "maximum": column.high,
        "description": f"{column.description}{unit}; allowed {column.allowed}",
        "x-unit": column.unit,
        "x-ucd": column.ucd,
    }


def _text(name: str) -> dict[str, Any]:
    return {"type": ["string", "integer", "null"], "maxLength": MAX_TEXT, "description": _TEXTS[name]}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
