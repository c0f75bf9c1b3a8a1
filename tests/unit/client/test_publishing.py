"""What is published has passed every check that needs no ONNX Runtime; what has not is refused in one sentence."""

import json
from pathlib import Path

import pytest
from astroscale_client import publishing
from astroscale_shared.registry import Parity, Registry
from astroscale_shared.runtime.errors import AstroScaleError

from tests.support.graphs import card

GRAPH = b"a graph"
FAILED = Parity(rows=1, max_error_kms=1.0, tolerance_kms=1e-3, passed=False)


def code_of(*arguments: object) -> str:
    with pytest.raises(AstroScaleError) as error:
        publishing.read(*arguments)  # pyright: ignore[reportArgumentType]
    return error.value.code


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A graph and its card, as anyone may have them."""
    onnx, its_card = tmp_path / "mine.onnx", tmp_path / "mine.json"
    onnx.write_bytes(GRAPH)
    its_card.write_bytes(card(name="mine").to_bytes())
    return onnx, its_card


def test_a_folder_of_the_registry_is_read(tmp_path: Path) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    found = publishing.read(ref.path, None, None)
    assert (found.name, found.onnx, found.card.version) == ("default", GRAPH, ref.version)
    assert publishing.read(ref.path, None, "other").name == "other"


def test_a_folder_without_sums_is_read_by_the_hash_of_its_card(tmp_path: Path) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    (ref.path / "SHA256SUMS").unlink()
    assert publishing.read(ref.path, None, None).onnx == GRAPH
    (ref.path / "model.onnx").write_bytes(b"another")
    assert code_of(ref.path, None, None) == "model_hash_mismatch"


@pytest.mark.parametrize("file", ["model.onnx", "card.json", "SHA256SUMS"])
def test_a_folder_whose_sums_do_not_hold_is_refused(tmp_path: Path, file: str) -> None:
    ref = Registry(tmp_path).publish("default", GRAPH, card())
    with (ref.path / file).open("r+b") as out:
        out.write(b"\xff")
    assert code_of(ref.path, None, None) == "model_hash_mismatch"


def test_a_graph_and_its_card_are_read(files: tuple[Path, Path]) -> None:
    found = publishing.read(*files, None)
    assert (found.name, found.onnx) == ("mine", GRAPH)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"encoding_version": 2}, "model_encoding_mismatch"),
        ({"parity": FAILED}, "model_parity_failed"),
        ({"onnx_sha256": "0" * 64}, "model_hash_mismatch"),
        ({"name": ""}, "usage"),
    ],
)
def test_a_card_that_no_inference_would_take_is_refused(
    files: tuple[Path, Path], changed: dict[str, object], code: str
) -> None:
    files[1].write_bytes(card(**({"name": "mine"} | changed)).to_bytes())
    assert code_of(*files, None) == code


def test_a_card_that_is_none_is_refused_and_its_field_named(files: tuple[Path, Path]) -> None:
    document = json.loads(files[1].read_bytes())
    del document["parity"]
    files[1].write_text(json.dumps(document))
    with pytest.raises(AstroScaleError, match="parity") as error:
        publishing.read(*files, None)
    assert error.value.code == "bad_model_card"


def test_what_is_not_there_or_not_said_is_wrong_usage(files: tuple[Path, Path], tmp_path: Path) -> None:
    onnx, its_card = files
    assert code_of(onnx, None, None) == "usage"
    assert code_of(tmp_path / "none.onnx", its_card, None) == "usage"
    assert code_of(tmp_path, None, None) == "usage"
    assert code_of(tmp_path, its_card, None) == "usage"
