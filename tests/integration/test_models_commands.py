"""The model commands before a real broker: what the slots point at afterwards, and what a user is told."""

import asyncio
import json
import uuid
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from astroscale_client import cli
from astroscale_shared.messaging import announcements
from astroscale_shared.messaging.announcements import Withdrawn
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.registry import SHADOW_SLOT, ModelAnnouncement, ModelRef, Registry
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.graphs import card, graph
from tests.support.servers import RunningKafka


@dataclass(frozen=True)
class Models:
    """Three versions of one model in a registry of their own."""

    settings: KafkaSettings
    registry: Registry
    name: str
    refs: tuple[ModelRef, ...]
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, code: int = 0) -> str:
        """`astroscale model ...`; what it printed."""
        self.capsys.readouterr()  # what was logged before, in this process
        with pytest.raises(SystemExit) as ended:
            cli.main(("model", *arguments))
        said = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, said.out + said.err
        return said.err if code else said.out

    def json(self, *arguments: str) -> Any:
        """The same, read as JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def slots(self) -> dict[str, ModelAnnouncement]:
        """What each slot points at."""
        return asyncio.run(announcements.latest(self.settings))


@pytest.fixture
def models(
    kafka: RunningKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Models:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    asyncio.run(create_topics(settings))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", str(tmp_path / "registry"))
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "no-config.toml"))
    registry = Registry(tmp_path / "registry")
    name = f"m-{uuid.uuid4().hex[:8]}"
    refs = tuple(registry.publish(name, graph(bias=bias), card()) for bias in (1.0, 2.0, 3.0))
    return Models(settings, registry, name, refs, capsys)


def test_a_rollback_goes_back_step_by_step_and_a_promote_forward_again(models: Models) -> None:
    slot = f"slot-{uuid.uuid4().hex[:8]}"
    one, two, three = (ref.version for ref in models.refs)
    assert "points at nothing" in models.run("rollback", "--slot", slot, code=1)
    for version in (one, two, two, three):
        models.run("promote", models.name, version, "--slot", slot)
    back = models.json("rollback", "--slot", slot)
    assert (back["version"], back["replaces"]["version"]) == (two, three)
    assert f"is now {models.name} {one} (before: {models.name} {two})" in models.run("rollback", "--slot", slot)
    assert f"slot {slot} is {models.name} {one}; nothing is known before" in models.run(
        "rollback", "--slot", slot, code=1
    )
    assert models.slots()[slot].version == one
    models.run("promote", f"{models.name}@{three}", "--slot", slot)
    assert models.json("rollback", "--slot", slot)["version"] == one


def test_a_rollback_to_what_is_damaged_or_gone_changes_nothing(models: Models) -> None:
    slot = f"slot-{uuid.uuid4().hex[:8]}"
    oldest, old, new = models.refs
    for ref in models.refs:
        models.run("promote", models.name, ref.version, "--slot", slot)
    (old.path / "model.onnx").write_bytes(b"damaged")
    said = models.run("rollback", "--slot", slot, code=1)
    assert "model.onnx is not what SHA256SUMS says" in said
    assert f"before that: {models.name} {oldest.version}" in said
    for file in old.path.iterdir():
        file.unlink()
    assert "has no version" in models.run("rollback", "--slot", slot, code=1)
    assert models.slots()[slot].version == new.version


def test_publishing_announces_the_models_own_slot_and_no_other(models: Models, tmp_path: Path) -> None:
    before = models.slots()
    made = Registry(tmp_path / "made").publish("candidate", graph(bias=9.0), card())
    name = f"own-{uuid.uuid4().hex[:8]}"
    said = models.json("publish", str(made.path), "--name", name)
    assert (said["name"], said["version"], said["new"]) == (name, made.version, True)
    assert models.registry.load(name, made.version)[1].name == name
    after = models.slots()
    assert after.pop(name).version == made.version
    assert after == before
    assert models.json("publish", str(made.path), "--name", name)["new"] is False
    assert f"{name} {made.version}" in models.run("publish", str(made.path), "--name", name)


@pytest.mark.parametrize("name", ["default", "shadow"])
def test_publishing_under_the_name_of_a_served_slot_promotes_nothing(models: Models, tmp_path: Path, name: str) -> None:
    before = models.slots()
    made = Registry(tmp_path / "made").publish(name, graph(bias=9.0), card())
    said = models.json("publish", str(made.path / "model.onnx"), "--card", str(made.path / "card.json"))
    assert (said["name"], said["announced"]) == (name, None)
    assert models.registry.load(name, made.version)[0] == graph(bias=9.0)
    assert models.slots() == before


def test_a_refused_model_is_neither_stored_nor_announced(models: Models, tmp_path: Path) -> None:
    made = Registry(tmp_path / "made").publish("bad", graph(bias=9.0), card(encoding_version=7))
    before = models.slots(), models.registry.list()
    assert "wants encoding 7" in models.run("publish", str(made.path), code=1)
    assert (models.slots(), models.registry.list()) == before


def test_a_shadow_is_put_on_and_taken_off(models: Models) -> None:
    ref = models.refs[1]
    assert models.json("shadow", models.name, ref.version)["slot"] == SHADOW_SLOT
    assert models.slots()[SHADOW_SLOT].version == ref.version
    (listed,) = (entry for entry in models.json("list") if entry["name"] == models.name and entry["slots"])
    assert (listed["version"], listed["slots"]) == (ref.version, [SHADOW_SLOT])
    assert f"was {models.name} {ref.version}" in models.run("shadow", "--off")
    assert SHADOW_SLOT not in models.slots()
    assert "was empty already" in models.run("shadow", "--off")
    assert "points at nothing" in models.run("rollback", "--slot", SHADOW_SLOT, code=1)
    for arguments in ((), (models.name, "--off")):
        assert "either a model's name or --off" in models.run("shadow", *arguments, code=2)


def test_followers_hear_of_a_withdrawal_in_its_place(models: Models) -> None:
    slot = f"slot-{uuid.uuid4().hex[:8]}"
    one, two, _ = models.refs

    async def heard(until: str) -> list[str]:
        found: list[str] = []
        async with aclosing(announcements.follow(models.settings)) as following:
            said: Any
            async for said in following:
                if said is not None and said.slot == slot:
                    found.append("withdrawn" if isinstance(said, Withdrawn) else said.version)
                    if found[-1] == until:
                        break
        return found

    models.run("promote", models.name, one.version, "--slot", slot)
    asyncio.run(announcements.withdraw(models.settings, slot))
    assert slot not in models.slots()
    models.run("promote", models.name, two.version, "--slot", slot)
    assert asyncio.run(heard(until=two.version)) == [one.version, "withdrawn", two.version]


def test_without_kafka_nothing_is_half_published(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    made = Registry(tmp_path / "made").publish("candidate", graph(bias=9.0), card())
    before = models.registry.list()
    assert "no Kafka answers" in models.run("publish", str(made.path), code=4)
    assert models.registry.list() == before
