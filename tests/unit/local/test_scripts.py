"""The small scripts behind `make check` and the CI run."""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[3] / "local" / "scripts"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def uv_lock(folder: Path, index: str, host: str = "files.example.org") -> Path:
    path = folder / "uv.lock"
    path.write_text(
        f'[[package]]\nname = "numpy"\nsource = {{ registry = "{index}" }}\n'
        f'wheels = [{{ url = "https://files.example.org/a.whl" }}, {{ url = "https://{host}/b.whl" }}]\n'
        '[[package]]\nname = "astroscale"\nsource = { editable = "client" }\n'
    )
    return path


def test_a_lock_file_of_the_default_index_passes(tmp_path: Path) -> None:
    path = uv_lock(tmp_path, "https://index.example.org/simple")

    assert script("lock_indexes").check_uv_lock(path, "https://index.example.org/simple") == []


@pytest.mark.parametrize(
    ("index", "host"),
    [
        ("https://mirror.example.com/simple", "files.example.org"),
        ("https://index.example.org/simple", "cdn.example.com"),
    ],
)
def test_a_mirror_in_the_lock_file_is_found(tmp_path: Path, index: str, host: str) -> None:
    path = uv_lock(tmp_path, index, host)

    assert len(script("lock_indexes").check_uv_lock(path, "https://index.example.org/simple")) == 1


def test_a_mirror_in_the_pages_lock_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "package-lock.json"
    packages = {
        "": {},
        "node_modules/a": {"version": "1.0.0"},
        "node_modules/b": {"resolved": "https://registry.example.org/b.tgz"},
        "node_modules/c": {"resolved": "https://mirror.example.com/c.tgz"},
    }
    path.write_text(json.dumps({"packages": packages}))

    wrong = script("lock_indexes").check_package_lock(path, "https://registry.example.org/")

    assert len(wrong) == 1
    assert "node_modules/c" in wrong[0]


def test_results_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<testsuites><testsuite><testcase/><testcase><failure/></testcase></testsuite></testsuites>"
    )
    (tmp_path / "b.xml").write_text("<testsuite><testcase><skipped/></testcase><testcase/></testsuite>")

    assert script("add_up").count(tmp_path) == (2, 1, 1)


def test_every_workspace_member_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SCRIPTS.parents[1])

    found = dict(script("members").members())

    assert found["astroscale-gateway"] == "astroscale_gateway"
    assert len(found) == 9


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [("0.13.9", "0.9", True), ("0.9", "0.9", True), ("0.8.30", "0.9", False), ("1.0", "0.9", True)],
)
def test_versions_are_compared_by_number(version: str, minimum: str, enough: bool) -> None:
    line = f". {SCRIPTS}/tools.sh; at_least {version} {minimum}"

    assert (subprocess.run(["sh", "-c", line], check=False).returncode == 0) is enough
