"""A user's own table all the way: trained, published, listed, compared and promoted, and accepted by inference."""

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from astroscale_client import cli
from astroscale_inference.domain.model import load
from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.registry import Registry
from astroscale_shared.runtime.settings import KafkaSettings
from astroscale_training.simulate import simulate, write_csv

from tests.support.servers import RunningKafka

SMALL = {"WAVES": "8", "SCALE_TREES": "6", "SCALE_LEAVES": "4", "BINS": "16", "FOLDS": "2", "WORKERS": "1"}


@pytest.fixture
def astroscale(
    kafka: RunningKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The command in an empty folder, before a real broker; what it printed."""
    asyncio.run(create_topics(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", str(tmp_path / "registry"))
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "no-config.toml"))
    monkeypatch.setenv("COLUMNS", "120")
    for name, value in SMALL.items():
        monkeypatch.setenv(f"ASTROSCALE_TRAINING__{name}", value)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = capsys.readouterr()
        assert not ended.value.code, said.out + said.err
        return said.out

    return run


def test_a_trained_table_is_published_listed_and_promoted(
    astroscale: Callable[..., str], kafka: RunningKafka, tmp_path: Path
) -> None:
    write_csv(simulate(400, seed=8), tmp_path / "mine.csv")
    name, slot = f"mine-{uuid.uuid4().hex[:8]}", f"slot-{uuid.uuid4().hex[:8]}"
    said = astroscale("train", "--table", "mine.csv", "--name", name, "--out", "trained", "--no-compare")
    (publish,) = (line.split()[:4] for line in said.splitlines() if "astroscale model publish" in line)
    assert not Registry(tmp_path / "registry").list(), "training serves nothing by itself"

    published = json.loads(astroscale(*publish[1:], "--json"))
    assert (published["name"], published["new"]) == (name, True)
    listed = [entry for entry in json.loads(astroscale("model", "list", "--json")) if entry["name"] == name]
    assert [entry["version"] for entry in listed] == [published["version"]]
    astroscale("model", "promote", name, published["version"], "--slot", slot)
    slots = asyncio.run(announcements.latest(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)))
    assert slots[slot].version == slots[name].version == published["version"]

    onnx, card = Registry(tmp_path / "registry").load(name, published["version"])
    model = load(onnx, card, name=name, version=published["version"], sha256=published["sha256"])
    assert model.version == published["version"]
    assert card.counts_per_survey == {"simulated": 400}
    assert card.data[0].file == "mine.csv"
