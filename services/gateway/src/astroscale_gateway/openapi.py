"""The API's description. `python -m astroscale_gateway.openapi FILE` writes it for the generators of clients."""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from astroscale_gateway.schemas import BatchStar, PredictRequest

_KEY_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "Only where the gateway asks for it",
}


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete: the request's schema, which FastAPI does not see, and the optional key."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document["components"]
            components["schemas"]["PredictRequest"] = _request_schema(PredictRequest)
            components["schemas"]["BatchStar"] = _request_schema(BatchStar)
            components["securitySchemes"] = {"apiKey": _KEY_SCHEME}
            for path in ("/predict", "/predict/batch", "/model", "/ledger"):
                for operation in document["paths"][path].values():
                    operation["security"] = [{}, {"apiKey": []}]
        return generate()

    app.openapi = openapi  # as FastAPI's documentation has it


def _request_schema(of: type[BaseModel]) -> dict[str, Any]:
    schema = of.model_json_schema(ref_template="#/components/schemas/{model}")
    for field in schema["properties"].values():
        field.pop("default", None)  # generators of types take a default for a promise that the key is there
    return schema


def document() -> str:
    """The description of a gateway with default settings, as JSON text."""
    from astroscale_shared.runtime.settings import KafkaSettings, RedisSettings

    from astroscale_gateway.app import build_app
    from astroscale_gateway.settings import GatewaySettings

    app = build_app(GatewaySettings.model_construct(), KafkaSettings.model_construct(), RedisSettings.model_construct())
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m astroscale_gateway.openapi FILE")
    Path(sys.argv[1]).write_text(document(), "utf-8")
