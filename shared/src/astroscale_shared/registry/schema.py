"""The model card as JSON Schema. `python -m astroscale_shared.registry.schema FILE` writes it for other readers."""

import json
import sys
from pathlib import Path

from astroscale_shared.registry.card import ModelCard


def document() -> str:
    """The schema (JSON Schema 2020-12) as JSON text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ModelCard.model_json_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
