"""What the documents say of the topics is what the code does: schema and AsyncAPI are generated, examples are good."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import yaml
from astroscale_shared.messaging import contracts, raw, raw_schema, topics
from astroscale_shared.stars.columns import NUMERIC, REQUIRED, TEXT
from astroscale_shared.stars.observations import validate

from tests.support import asyncapi

DOCS = Path(__file__).parents[2] / "docs"
STAR: dict[str, Any] = raw_schema.star()
EXAMPLES: list[str] = re.findall(
    r"^```json\n(.*?)^```", (DOCS / "producers.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
)


def test_the_schema_is_the_one_committed() -> None:
    assert (DOCS / "raw-record.schema.json").read_text("utf-8") == raw_schema.document(), (
        "run: uv run python -m astroscale_shared.messaging.raw_schema docs/raw-record.schema.json"
    )


def test_the_asyncapi_document_is_the_one_committed() -> None:
    assert (DOCS / "asyncapi.yaml").read_text("utf-8") == asyncapi.document(), (
        "run: uv run python -m tests.support.asyncapi docs/asyncapi.yaml"
    )


def test_every_topic_is_in_it_and_every_reference_leads_somewhere() -> None:
    said = yaml.safe_load((DOCS / "asyncapi.yaml").read_text("utf-8"))
    assert list(said["channels"]) == [topic.name for topic in topics.TABLE] == list(asyncapi.CONTRACTS)
    text = (DOCS / "asyncapi.yaml").read_text("utf-8")
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= said["components"]["schemas"].keys()
    assert all((DOCS / file).is_file() for file in re.findall(r"\$ref: \./(\S+)", text))


def accepted(star: Mapping[str, object]) -> bool:
    """Whether the preprocessor lets a star pass."""
    found = raw.parse(orjson.dumps(star), {})
    good, _ = validate(found.stars)
    return bool(good.all()) and not found.refused


def test_the_schema_names_the_columns_of_the_contract() -> None:
    assert list(STAR["properties"]) == contracts.RAW_SCHEMA.names == [*TEXT, *(column.name for column in NUMERIC)]
    assert set(STAR["required"]) == REQUIRED


@pytest.mark.parametrize("name", [column.name for column in NUMERIC])
def test_a_limit_of_the_schema_is_where_the_preprocessor_begins_to_refuse(name: str) -> None:
    said = STAR["properties"][name]
    star = {"ra": 1.0, "dec": 1.0}
    for side, open_side, outwards in (
        ("minimum", "exclusiveMinimum", -np.inf),
        ("maximum", "exclusiveMaximum", np.inf),
    ):
        value = said.get(side, said.get(open_side))
        inwards = float(np.nextafter(value, -outwards))
        beyond = float(np.nextafter(value, outwards))
        assert accepted(star | {name: inwards})
        assert accepted(star | {name: value}) == (side in said)
        assert not accepted(star | {name: beyond})
    assert accepted(star | {name: None}) == ("null" in said["type"])
    assert not accepted(star | {name: "1.0"})


def test_texts_are_as_long_as_the_schema_says() -> None:
    star = {"ra": 1.0, "dec": 1.0}
    for name in TEXT:
        most = STAR["properties"][name]["maxLength"]
        assert accepted(star | {name: "x" * most})
        assert not accepted(star | {name: "x" * (most + 1)})
        assert accepted(star | {name: 12})
        assert accepted(star | {name: None})


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_page_are_taken_whole(example: str) -> None:
    found = raw.parse(example.encode(), {})
    good, rejections = validate(found.stars)
    assert good.all(), rejections
    assert found.refused == []
    assert found.unknown_fields == 0


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 2
