"""The registry, in a folder and in a bucket: what is stored comes back, and nothing else does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from astroscale_shared.registry import ModelCard, Parity, Registry, open_registry, version_of
from astroscale_shared.runtime.errors import AstroScaleError

from tests.unit.registry.conftest import Place

GRAPH = b"a graph"
VERSION = version_of(GRAPH)


def card(**changed: object) -> ModelCard:
    return ModelCard(
        model_type="test",
        encoding_version=1,
        feature_names=("ra", "dec"),
        trained_at=datetime(2025, 1, 2, tzinfo=UTC),
        parity=Parity(rows=1, max_error_kms=0.0, tolerance_kms=1e-3, passed=True),
    ).model_copy(update=changed)


def code_of(place: Place, name: str = "default", version: str = VERSION) -> str:
    """The code with which a version is refused."""
    with pytest.raises(AstroScaleError) as error:
        place.registry.load(name, version)
    return error.value.code


def test_published_model_comes_back_with_its_name_version_and_hash(place: Place) -> None:
    ref = place.registry.publish("default", GRAPH, card())
    onnx, loaded = place.registry.load("default", ref.version)
    assert onnx == GRAPH
    assert (loaded.name, loaded.version, loaded.onnx_sha256) == ("default", VERSION, ref.sha256)
    assert ref.address == f"default/{VERSION}"
    assert ref.location.endswith(f"/{ref.address}")
    assert place.registry.read_card(ref) == loaded


def test_versions_are_listed_by_name_for_whoever_opens_the_place(place: Place) -> None:
    assert place.registry.list() == ()
    refs = {place.registry.publish(name, onnx, card()) for name in ("b", "a") for onnx in (GRAPH, b"another")}
    for registry in (place.registry, open_registry(place.settings)):
        listed = registry.list()
        assert set(listed) == refs
        assert [ref.address for ref in listed] == sorted(ref.address for ref in refs)


def test_publishing_the_same_bytes_again_changes_nothing(place: Place) -> None:
    first = place.registry.publish("default", GRAPH, card())
    before = place.read(f"{first.address}/card.json")
    again = place.registry.publish("default", GRAPH, card(licence="other"))
    assert again == first
    assert place.read(f"{first.address}/card.json") == before
    assert place.registry.list() == (first,)


def test_publishers_at_once_agree_on_one_version(place: Place) -> None:
    cards = [card(licence=f"licence {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        refs = list(pool.map(lambda one: place.registry.publish("default", GRAPH, one), cards))
    assert set(refs) == set(place.registry.list())
    assert len(set(refs)) == 1
    assert place.registry.load("default", VERSION)[1].licence.startswith("licence ")


@pytest.mark.parametrize("file", ["model.onnx", "card.json"])
def test_a_changed_file_is_refused(place: Place, file: str) -> None:
    ref = place.registry.publish("default", GRAPH, card())
    path = f"{ref.address}/{file}"
    place.write(path, place.read(path) + b" ")
    assert code_of(place) == "model_hash_mismatch"
    with pytest.raises(AstroScaleError, match=file):
        place.registry.publish("default", GRAPH, card())


def test_a_version_with_another_models_files_is_refused(place: Place) -> None:
    ref = place.registry.publish("default", GRAPH, card())
    for file in ("model.onnx", "card.json", "SHA256SUMS"):
        place.write(f"default/{'0' * 12}/{file}", place.read(f"{ref.address}/{file}"))
    assert code_of(place, version="0" * 12) == "model_hash_mismatch"


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [
        ("default", "0" * 12, "model_not_found"),
        ("default", "../../secret", "model_not_found"),
        ("../default", "0" * 12, "bad_model_name"),
        ("..", "0" * 12, "bad_model_name"),
    ],
)
def test_what_is_not_there_is_said(place: Place, name: str, version: str, code: str) -> None:
    assert code_of(place, name, version) == code


@pytest.mark.parametrize("file", ["model.onnx", "card.json", "SHA256SUMS"])
def test_a_missing_file_is_not_found(place: Place, file: str) -> None:
    ref = place.registry.publish("default", GRAPH, card())
    place.remove(f"{ref.address}/{file}")
    with pytest.raises(AstroScaleError, match=file.replace(".", r"\.")) as error:
        place.registry.load("default", ref.version)
    assert error.value.code == "model_not_found"
    assert bool(place.registry.list()) == (file != "SHA256SUMS")


def test_one_damaged_version_hides_no_other_from_the_list(place: Place) -> None:
    good, bad = place.registry.publish("default", b"good", card()), place.registry.publish("default", GRAPH, card())
    place.write(f"{bad.address}/SHA256SUMS", b"\xff\xfe")
    assert {(ref.version, ref.sha256) for ref in place.registry.list()} == {(good.version, good.sha256), (VERSION, "")}
    assert code_of(place) == "model_unreadable"


def test_what_is_no_version_is_not_listed(place: Place) -> None:
    place.write("default/.new-abc/SHA256SUMS", b"")
    place.write(f"default/{'0' * 12}/model.onnx", GRAPH)
    place.write("README/SHA256SUMS", b"")
    assert place.registry.list() == ()


def test_import_copies_shipped_models_as_they_are(place: Place, tmp_path: Path) -> None:
    ref = Registry(tmp_path / "models").publish("default", GRAPH, card())
    (imported,) = place.registry.import_folder(tmp_path / "models")
    assert place.registry.import_folder(tmp_path / "models") == (imported,)
    for file in ("model.onnx", "card.json", "SHA256SUMS"):
        assert place.read(f"{imported.address}/{file}") == (ref.path / file).read_bytes()


def test_import_of_a_damaged_model_is_refused(place: Place, tmp_path: Path) -> None:
    ref = Registry(tmp_path / "models").publish("default", GRAPH, card())
    (ref.path / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(AstroScaleError) as error:
        place.registry.import_folder(tmp_path / "models")
    assert error.value.code == "model_hash_mismatch"
    assert place.registry.list() == ()


def test_import_of_an_absent_folder_is_none(place: Place, tmp_path: Path) -> None:
    assert place.registry.import_folder(tmp_path / "absent") == ()


def test_a_folder_is_written_without_leftovers(tmp_path: Path) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    assert [path.name for path in (tmp_path / "default").iterdir()] == [ref.version]
    assert sorted(path.name for path in ref.path.iterdir()) == ["SHA256SUMS", "card.json", "model.onnx"]
