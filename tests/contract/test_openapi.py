"""The REST contract: what the gateway says of itself is what the page's types are generated from."""

from pathlib import Path
from typing import Any

import pytest
from astroscale_gateway.openapi import document
from astroscale_shared.stars.columns import INPUTS, REQUIRED

COMMITTED = Path(__file__).parents[2] / "web" / "openapi.json"


@pytest.fixture(scope="module")
def described() -> Any:
    import orjson

    return orjson.loads(document())


def test_the_committed_description_is_the_gateways() -> None:
    assert COMMITTED.read_text("utf-8") == document(), (
        "run: uv run python -m astroscale_gateway.openapi web/openapi.json && (cd web && npm run api)"
    )


def test_the_routes(described: Any) -> None:
    routes = {(path, method) for path, methods in described["paths"].items() for method in methods}
    assert routes == {
        ("/predict", "post"),
        ("/predict/batch", "post"),
        ("/model", "get"),
        ("/ledger", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    }
    assert set(described["paths"]["/predict"]["post"]["responses"]) == {"200", "401", "413", "415", "422", "503", "504"}
    assert set(described["paths"]["/ledger"]["get"]["responses"]) == {"200", "401", "503"}
    batch = described["paths"]["/predict/batch"]["post"]
    assert set(batch["responses"]) == {"200", "401", "413", "415", "422", "503", "504"}
    kinds = {"application/json", "application/vnd.apache.arrow.stream"}
    assert set(batch["requestBody"]["content"]) == set(batch["responses"]["200"]["content"]) == kinds


def test_the_request_has_the_inputs_with_their_ranges_and_units(described: Any) -> None:
    schema = described["components"]["schemas"]["PredictRequest"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["ra", "dec", "teff", "logg", "fe_h", "snr", "parallax"]
    assert list(schema["properties"]) == [column.name for column in INPUTS]
    for column in INPUTS:
        field = schema["properties"][column.name]
        options = field.get("anyOf", [field])
        number = next(option for option in options if option["type"] == "number")
        assert number["exclusiveMinimum" if column.low_open else "minimum"] == column.low
        assert number["exclusiveMaximum" if column.high_open else "maximum"] == column.high
        assert field["x-unit"] == column.unit
        assert column.allowed in field["description"]
        assert ({"type": "null"} in options) == (column.name not in REQUIRED)


def test_a_star_of_many_has_the_same_inputs_and_fewer_duties(described: Any) -> None:
    one, many = (described["components"]["schemas"][name] for name in ("PredictRequest", "BatchStar"))
    assert many["additionalProperties"] is False
    assert many["required"] == ["ra", "dec"]
    assert {name: field for name, field in many["properties"].items() if name != "rv_kms"} == one["properties"]


def test_every_reference_leads_somewhere(described: Any) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            return {node["$ref"]} if "$ref" in node else set().union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert references(described["paths"]) | references(described["components"]) <= known
