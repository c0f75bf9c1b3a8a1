"""`astroscale predict --local`: which model, and what comes of it. Kafka is not there (see conftest)."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pytest
from astroscale_client import local_model, plugins
from astroscale_shared.registry import ModelAnnouncement, Registry
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.graphs import card, graph
from tests.unit.client.test_cli import run

STARS = "id,ra,dec,teff,rv_kms\n1,10,20,5800,-30\n2,400,20,5800,1\n3,10,20,hot,1\n4,190,-20,,\n"


@pytest.fixture
def registry(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry; models are shipped in `shipped`."""
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", str(elsewhere / "registry"))
    monkeypatch.setenv("ASTROSCALE_REGISTRY__SHIPPED", str(elsewhere / "shipped"))
    monkeypatch.setattr(local_model, "_KAFKA_S", 0.01)
    return Registry(elsewhere / "registry")


def announced(name: str, version: str, sha256: str) -> ModelAnnouncement:
    return ModelAnnouncement.model_validate(
        {
            "slot": "default",
            "name": name,
            "version": version,
            "sha256": sha256,
            "address": f"{name}/{version}",
            "encoding_version": 1,
            "published_at": "2026-01-01T00:00:00Z",
        }
    )


def test_without_kafka_it_is_the_newest_default_of_the_registry_else_the_shipped_one(
    registry: Registry, elsewhere: Path
) -> None:
    shipped = Registry(elsewhere / "shipped").publish("default", graph(bias=1.0), card())
    chosen = local_model.choose(None)
    assert (chosen.ref.version, "shipped with the project" in str(chosen)) == (shipped.version, True)
    registry.publish("other", graph(bias=4.0), card())
    old = registry.publish("default", graph(bias=2.0), card())
    newer = card().model_copy(update={"trained_at": card().trained_at.replace(year=2031)})
    new = registry.publish("default", graph(bias=3.0), newer)
    chosen = local_model.choose(None)
    assert (chosen.ref.version, "no Kafka tells the slot" in str(chosen)) == (new.version, True)
    assert local_model.choose(f"default@{old.version[:6]}").ref.version == old.version
    assert local_model.choose("other").ref.name == "other"


def test_with_kafka_it_is_the_one_of_the_slot(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = registry.publish("federated-1", graph(bias=1.0), card())
    registry.publish("default", graph(bias=2.0), card())
    slots = {"default": announced(ref.name, ref.version, ref.sha256)}
    monkeypatch.setattr(local_model, "_slots", lambda: slots)
    chosen = local_model.choose(None)
    assert (chosen.ref.address, "slot default" in str(chosen)) == (ref.address, True)
    slots["default"] = announced("gone", ref.version, ref.sha256)
    with pytest.raises(AstroScaleError, match="no model gone in the registry"):
        local_model.choose(None)


def test_no_model_is_said(registry: Registry) -> None:
    with pytest.raises(AstroScaleError, match=r"no model default in the registry .*ASTROSCALE_REGISTRY__ROOT"):
        local_model.choose(None)
    registry.publish("default", graph(), card())
    with pytest.raises(AstroScaleError, match="has no version abc"):
        local_model.choose("default@abc")


def test_a_table_is_predicted_here(registry: Registry, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ref = registry.publish("default", graph(bias=100.0, weights=(10.0,)), card())
    (elsewhere / "stars.csv").write_text(STARS, "utf-8")
    assert run("predict", "--file", "stars.csv", "--local", "--json") == 3
    summary = json.loads(capsys.readouterr().out)
    assert summary["by"].startswith(f"here, default {ref.version}, no Kafka tells the slot")
    assert summary["models"] == [f"default {ref.version}"]
    done = pa_csv.read_csv(
        elsewhere / "stars.predictions.csv", convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
    )
    assert done.column("radial_velocity_kms").to_pylist() == pytest.approx([90.5555556, None, None, 100.5555556])
    assert done.column("q95").to_pylist() == pytest.approx([110.5555556, None, None, 120.5555556])
    assert done.column("error").to_pylist() == [
        None,
        "ra is 400; allowed is [0, 360) deg",
        'teff is "hot"; allowed is a number in (0, 200000] K or null',
        None,
    ]
    tail = done.column("tail_probability").to_pylist()
    assert tail[1:] == [None] * 3
    assert 0 < tail[0] < 1e-6


def predicted(elsewhere: Path, content: str) -> list[list[Any]]:
    (elsewhere / "stars.csv").write_text(content, "utf-8")
    run("predict", "--file", "stars.csv", "--out", "out.parquet", "--local")
    import pyarrow.parquet as pq

    done = pq.read_table(elsewhere / "out.parquet")
    return [
        done.column(n).to_pylist()
        for n in ("radial_velocity_kms", "predicted_z", "q05", "q50", "q95", "flags", "error")
    ]


def test_the_measured_velocity_has_no_part_in_it(registry: Registry, elsewhere: Path) -> None:
    registry.publish("default", graph(bias=100.0, weights=(10.0, 3.0, 7.0)), card())
    without = "ra,dec,teff\n1,2,5000\n10,20,\n100,-20,6000\n50,5,bad\n"
    velocities = ("rv_kms", "-20", "1e9", "no number", "")
    beside = "".join(f"{line},{rv}\n" for line, rv in zip(without.splitlines(), velocities, strict=True))
    assert predicted(elsewhere, beside) == predicted(elsewhere, without)


def test_without_the_member_its_extra_is_named(
    registry: Registry, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.publish("default", graph(), card())
    (elsewhere / "stars.csv").write_text(STARS, "utf-8")

    def absent(group: str) -> list[EntryPoint]:
        return [EntryPoint("onnx", "astroscale_absent.local:open_scorer", group)]

    monkeypatch.setattr(plugins, "entry_points", absent)
    assert run("predict", "--file", "stars.csv", "--local") == 1
    assert "pip install 'astroscale[inference]'" in capsys.readouterr().err
