"""A model's whole life by command before the whole system: published, tried in the shadow, served, taken back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from astroscale_shared.registry import Registry

from tests.support.graphs import card, graph
from tests.support.system import Stack, command_env

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_from_publish_to_rollback(stack: Stack, tmp_path: Path) -> None:
    def model(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "astroscale_client.cli", "model", *arguments, "--json"],
            cwd=tmp_path,
            env=command_env(stack.env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def serves() -> str:
        return httpx.get(f"{stack.gateway_url}/model", timeout=10.0).json()["version"]

    shipped = serves()
    made = Registry(tmp_path / "made").publish("candidate", graph(bias=77.0), card())
    assert model("publish", str(made.path))["announced"]["slot"] == "candidate"
    compared = model("compare", f"default@{shipped}", "candidate")
    assert (compared["b"]["version"], compared["b"]["onnx_bytes"]) == (made.version, len(graph(bias=77.0)))
    model("shadow", "candidate")
    slots = {entry["version"]: entry["slots"] for entry in model("list")}
    assert slots[made.version] == ["candidate", "shadow"]
    assert serves() == shipped
    assert model("promote", "candidate", "--wait", "30")["served"] is True
    answer = httpx.post(
        f"{stack.gateway_url}/predict",
        json=dict.fromkeys(("teff", "logg", "fe_h", "snr", "parallax")) | {"ra": 1, "dec": 2},
        timeout=10.0,
    ).json()
    assert (answer["radial_velocity_kms"], answer["model"]["version"]) == (77.0, made.version)
    assert model("rollback", "--wait", "30")["served"] is True
    assert serves() == shipped
    model("shadow", "--off")
    slots = {entry["version"]: entry["slots"] for entry in model("list")}
    assert slots[made.version] == ["candidate"]
