"""The registry in a folder: what is stored comes back, and nothing else does."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from astroscale_shared.registry import ModelCard, Parity, Registry, version_of
from astroscale_shared.runtime.errors import AstroScaleError

GRAPH = b"a graph"


def card() -> ModelCard:
    return ModelCard(
        model_type="test",
        encoding_version=1,
        feature_names=("ra", "dec"),
        trained_at=datetime(2025, 1, 2, tzinfo=UTC),
        parity=Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    )


def test_published_model_comes_back_with_its_name_version_and_hash(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    ref = registry.publish("default", GRAPH, card())
    onnx, loaded = registry.load("default", ref.version)
    assert onnx == GRAPH
    assert (loaded.name, loaded.version, loaded.onnx_sha256) == ("default", version_of(GRAPH), ref.sha256)
    assert ref.address == f"default/{version_of(GRAPH)}"
    assert registry.list() == (ref,)


def test_publishing_the_same_bytes_again_changes_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    first = registry.publish("default", GRAPH, card())
    before = (first.path / "card.json").read_bytes()
    again = registry.publish("default", GRAPH, card().model_copy(update={"licence": "other"}))
    assert again == first
    assert (first.path / "card.json").read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "default").iterdir()) == [first.version]


@pytest.mark.parametrize("file", ["model.onnx", "card.json"])
def test_a_changed_file_is_refused(tmp_path: Path, file: str) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    with (ref.path / file).open("ab") as out:
        out.write(b" ")
    with pytest.raises(AstroScaleError) as error:
        Registry(tmp_path).load("default", ref.version)
    assert error.value.code == "model_hash_mismatch"


def test_a_folder_with_another_models_files_is_refused(tmp_path: Path) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    ref.path.rename(ref.path.with_name("0" * 12))
    with pytest.raises(AstroScaleError) as error:
        Registry(tmp_path).load("default", "0" * 12)
    assert error.value.code == "model_hash_mismatch"


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [
        ("default", "0" * 12, "model_not_found"),
        ("default", "../../secret", "model_not_found"),
        ("../default", "0" * 12, "bad_model_name"),
        ("..", "0" * 12, "bad_model_name"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, name: str, version: str, code: str) -> None:
    with pytest.raises(AstroScaleError) as error:
        Registry(tmp_path).load(name, version)
    assert error.value.code == code


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    (ref.path / "card.json").unlink()
    with pytest.raises(AstroScaleError, match=r"card\.json") as error:
        Registry(tmp_path).load("default", ref.version)
    assert error.value.code == "model_not_found"


def test_import_copies_shipped_models_as_they_are(tmp_path: Path) -> None:
    shipped, registry = Registry(tmp_path / "models"), Registry(tmp_path / "registry")
    ref = shipped.publish("default", GRAPH, card())
    (imported,) = registry.import_folder(tmp_path / "models")
    assert registry.import_folder(tmp_path / "models") == (imported,)
    for file in ("model.onnx", "card.json", "SHA256SUMS"):
        assert (imported.path / file).read_bytes() == (ref.path / file).read_bytes()


def test_import_of_a_damaged_model_is_refused(tmp_path: Path) -> None:
    ref = Registry(tmp_path / "models").publish("default", GRAPH, card())
    (ref.path / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(AstroScaleError) as error:
        Registry(tmp_path / "registry").import_folder(tmp_path / "models")
    assert error.value.code == "model_hash_mismatch"


def test_import_of_an_absent_folder_is_none(tmp_path: Path) -> None:
    assert Registry(tmp_path / "registry").import_folder(tmp_path / "absent") == ()


def test_half_written_folders_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "default" / ".new-abc").mkdir(parents=True)
    assert Registry(tmp_path).list() == ()
