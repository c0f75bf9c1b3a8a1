"""Which version is meant, and which slot points where."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from astroscale_client import models
from astroscale_shared.messaging import announcements
from astroscale_shared.registry import ModelCard, ModelRef, Parity, Registry
from astroscale_shared.runtime.errors import AstroScaleError


def publish(registry: Registry, name: str, graph: bytes, day: int) -> ModelRef:
    card = ModelCard(
        model_type="test",
        encoding_version=1,
        feature_names=("ra",),
        trained_at=datetime(2026, 1, day, tzinfo=UTC),
        parity=Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    )
    return registry.publish(name, graph, card)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_versions_are_listed_newest_first_with_their_slots(registry: Registry) -> None:
    old, new = publish(registry, "default", b"1", 1), publish(registry, "default", b"2", 2)
    slots = {"default": announcements.of(registry, old, slot="default")}
    found = models.entries(registry, slots)
    assert [(e.version, e.is_default) for e in found] == [(new.version, False), (old.version, True)]


def test_what_is_announced_and_not_here_is_listed_too(registry: Registry, tmp_path: Path) -> None:
    other = Registry(tmp_path / "other")
    slots = {"default": announcements.of(other, publish(other, "federated-1", b"3", 1), slot="default")}
    found = models.entries(registry, slots)
    assert [(e.name, e.in_registry, e.is_default) for e in found] == [("federated-1", False, True)]


def test_without_a_version_the_announced_one_is_meant_else_the_newest(registry: Registry) -> None:
    old, new = publish(registry, "m", b"1", 1), publish(registry, "m", b"2", 2)
    assert models.choose(registry, {}, "m", None) == new
    assert models.choose(registry, {"m": announcements.of(registry, old)}, "m", None).version == old.version


def test_a_version_may_be_abbreviated_while_it_is_clear(registry: Registry) -> None:
    one = publish(registry, "m", b"1", 1)
    publish(registry, "m", b"2", 2)
    assert models.choose(registry, {}, "m", one.version[:4]).version == one.version
    with pytest.raises(AstroScaleError, match="several versions"):
        models.choose(registry, {}, "m", "")
    with pytest.raises(AstroScaleError, match="has no version zz"):
        models.choose(registry, {}, "m", "zz")
    with pytest.raises(AstroScaleError, match=r"no model other in the registry .*; there are: m"):
        models.choose(registry, {}, "other", None)


@pytest.mark.parametrize(
    ("text", "version", "meant"),
    [
        ("m", None, ("m", None)),
        ("m", "12", ("m", "12")),
        ("m@12", None, ("m", "12")),
        ("m/12", None, ("m", "12")),
        ("m@", None, ("m", "")),
    ],
)
def test_a_model_is_named_in_three_ways(text: str, version: str | None, meant: tuple[str, str | None]) -> None:
    assert models.named(text, version) == meant


def test_two_versions_for_one_model_are_wrong_usage() -> None:
    with pytest.raises(AstroScaleError, match="one too many") as error:
        models.named("m@12", "34")
    assert error.value.code == "usage"
