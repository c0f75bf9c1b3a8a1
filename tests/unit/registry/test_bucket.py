"""What only a bucket does: publishers that died, keys that are wrong, a server that is not there."""

import sys
from pathlib import Path

import pytest
from astroscale_local.ports import free_port
from astroscale_shared.registry import open_registry, version_of
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import RegistrySettings
from pydantic import SecretStr

from tests.support.graphs import card
from tests.unit.registry.conftest import Place

GRAPH = b"a graph"
FOLDER = f"default/{version_of(GRAPH)}"


@pytest.fixture
def bucket(s3_settings: RegistrySettings) -> Place:
    return Place(s3_settings, open_registry(s3_settings))


def code_of(settings: RegistrySettings) -> str:
    with pytest.raises(AstroScaleError) as error:
        open_registry(settings).publish("default", GRAPH, card())
    assert "test-secret" not in error.value.message
    return error.value.code


def test_a_publisher_that_died_is_completed_and_its_card_kept(bucket: Place) -> None:
    bucket.registry.publish("default", GRAPH, card(licence="the first"))
    bucket.remove(f"{FOLDER}/SHA256SUMS")
    assert bucket.registry.list() == ()
    ref = bucket.registry.publish("default", GRAPH, card(licence="the second"))
    assert bucket.registry.list() == (ref,)
    assert bucket.registry.load("default", ref.version)[1].licence == "the first"


def test_a_publisher_that_died_after_its_graph_is_completed(bucket: Place) -> None:
    bucket.write(f"{FOLDER}/model.onnx", GRAPH)
    ref = bucket.registry.publish("default", GRAPH, card(licence="the second"))
    assert bucket.registry.load("default", ref.version)[1].licence == "the second"


@pytest.mark.parametrize(
    ("file", "data", "code"),
    [
        ("model.onnx", b"another graph", "model_hash_mismatch"),
        ("card.json", card().to_bytes(), "model_hash_mismatch"),
        ("card.json", b"{}", "bad_model_card"),
    ],
)
def test_a_strangers_files_are_never_sealed(bucket: Place, file: str, data: bytes, code: str) -> None:
    bucket.write(f"{FOLDER}/{file}", data)
    assert code_of(bucket.settings) == code
    assert bucket.registry.list() == ()
    assert bucket.read(f"{FOLDER}/{file}") == data


def test_a_version_of_a_bucket_has_no_folder(bucket: Place) -> None:
    ref = bucket.registry.publish("default", GRAPH, card())
    assert ref.location == f"{bucket.settings.root}/{FOLDER}"
    with pytest.raises(AstroScaleError, match="is no folder"):
        _ = ref.path


def test_a_bucket_that_is_not_there_is_said(s3_settings: RegistrySettings) -> None:
    absent = s3_settings.model_copy(update={"root": "s3://no-such-bucket/models"})
    assert code_of(absent) == "registry_unreachable"
    with pytest.raises(AstroScaleError, match="there is no bucket"):
        open_registry(absent).list()


def test_a_server_that_is_not_there_is_said_as_worth_a_retry(s3_settings: RegistrySettings) -> None:
    absent = s3_settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(AstroScaleError, match="cannot be reached") as error:
        open_registry(absent).load("default", version_of(GRAPH))
    assert (error.value.code, error.value.retryable) == ("registry_unreachable", True)


def test_one_key_without_the_other_is_refused(s3_settings: RegistrySettings) -> None:
    with pytest.raises(AstroScaleError, match="go together") as error:
        open_registry(s3_settings.model_copy(update={"s3_secret_key": None}))
    assert error.value.code == "bad_config"


def test_without_the_extra_it_is_named(s3_settings: RegistrySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(AstroScaleError, match=r"astroscale-shared\[s3\]") as error:
        open_registry(s3_settings)
    assert error.value.code == "not_installed"


def test_settings_take_a_folder_or_a_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", "somewhere/models")
    assert RegistrySettings.load().root == Path("somewhere/models")
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", "s3://bucket/some/prefix")
    monkeypatch.setenv("ASTROSCALE_REGISTRY__S3_SECRET_KEY", "test-secret")
    settings = RegistrySettings.load()
    assert settings.root == "s3://bucket/some/prefix"
    assert settings.s3_secret_key == SecretStr("test-secret")
    assert "test-secret" not in repr(settings)


@pytest.mark.parametrize("root", ["http://bucket/models", "s3://", "s3://bucket/*", "S3://bucket"])
def test_other_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("ASTROSCALE_REGISTRY__ROOT", root)
    with pytest.raises(AstroScaleError, match="s3://bucket/prefix") as error:
        RegistrySettings.load()
    assert error.value.code == "bad_config"
