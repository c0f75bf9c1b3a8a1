"""`astroscale train`: what a user types, is told, and gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from astroscale_client import publishing
from astroscale_shared.registry import Registry
from astroscale_training import cli
from astroscale_training.simulate import simulate, write_csv
from typer import Typer
from typer.testing import CliRunner, Result

SMALL = {"WAVES": "8", "SCALE_TREES": "6", "SCALE_LEAVES": "4", "BINS": "16", "FOLDS": "2", "WORKERS": "1"}


@pytest.fixture
def astroscale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Command":
    monkeypatch.chdir(tmp_path)
    for name, value in SMALL.items():
        monkeypatch.setenv(f"ASTROSCALE_TRAINING__{name}", value)
    monkeypatch.setenv("COLUMNS", "120")
    return Command()


class Command:
    """`astroscale train` with options."""

    def __call__(self, *options: str, code: int = 0) -> Result:
        app = Typer()
        cli.register(app)
        result = CliRunner().invoke(app, options)
        assert result.exit_code == code, result.output
        return result


def without(columns: set[str], path: Path) -> None:
    """300 simulated stars that lack these columns."""
    write_csv(simulate(300, seed=2), path)
    lines = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    kept = [i for i, name in enumerate(lines[0]) if name not in columns]
    path.write_text("".join(",".join(line[i] for i in kept) + "\n" for line in lines), "utf-8")


def test_a_table_without_optional_columns_becomes_a_model_that_can_be_published(astroscale: Command) -> None:
    without({"pmra", "pmdec", "snr", "survey"}, Path("My Stars.csv"))
    said = astroscale("--table", "My Stars.csv", "--out", "out", "--no-compare").output
    (ref,) = Registry(Path("out")).list()
    assert ref.name == "my-stars"
    assert "no star has snr: the model cannot use it" in said
    assert "Zero points" in said
    for step in (
        f"astroscale model publish {ref.path}",
        f"astroscale model shadow my-stars {ref.version}",
        f"astroscale model promote my-stars {ref.version}",
    ):
        assert step in said
    card = publishing.read(ref.path, None, None).card
    assert card.counts_per_survey == {"My Stars": 300}
    assert card.training_command == "astroscale train --table 'My Stars.csv'"
    assert {cut.name for cut in card.cuts} == {"no_velocity", "invalid", "impossible_velocity", "duplicate"}
    assert [note.split(":")[0] for note in card.extra["notes"]] == [
        f"no star has {c}" for c in ("snr", "pmra", "pmdec")
    ]
    assert (card.reference["snr"].missing, card.reference["teff"].missing < 0.2) == (1.0, True)
    assert str(Path.cwd()) not in card.to_bytes().decode()


def test_several_tables_make_one_model(astroscale: Command) -> None:
    write_csv(simulate(150, seed=3), Path("a.csv"))
    write_csv(simulate(150, seed=4), Path("b.csv"))
    said = astroscale("--table", "a.csv", "--table", "b.csv", "--name", "both", "--out", "out", "--no-compare").output
    (ref,) = Registry(Path("out")).list()
    card = Registry(Path("out")).load("both", ref.version)[1]
    assert [file.file for file in card.data] == ["a.csv", "b.csv"]
    assert card.counts_per_survey == {"simulated": 300}
    assert "model both/" in said


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--data", "."), "no_training_data"),
        (("--table", "absent.csv"), "no_training_data"),
        (("--table", "few.csv"), "bad_training_data"),
        (("--table", "few.csv", "--name", "No Name"), "bad_model_name"),
        (("--table", "hours.csv"), "suspicious_units"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(astroscale: Command, options: tuple[str, ...], code: str) -> None:
    Path("tables").mkdir()
    write_csv(simulate(100, seed=1), Path("tables/few.csv"))
    stars = simulate(600, seed=1)
    write_csv(stars | {"ra": stars["ra"] / 15}, Path("tables/hours.csv"))
    inside = tuple(f"tables/{o}" if o.endswith(".csv") else o for o in options)
    result = astroscale(*inside, "--out", "out", code=1)
    assert result.stderr.startswith(f"{code}: ")
    assert not Path("out").exists()


def test_folder_and_tables_exclude_each_other(astroscale: Command) -> None:
    assert "exclude each other" in astroscale("--data", ".", "--table", "a.csv", code=2).output
    assert "'standard', 'robust', 'none'" in astroscale("--normalization", "wrong", code=2).output


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("My Stars (2).fits", "my-stars-2"),
        ("default.csv", "default-model"),
        ("shadow.csv", "shadow-model"),
        ("___.csv", "model"),
        ("dr3.v1.parquet", "dr3.v1"),
    ],
)
def test_a_models_name_is_made_of_the_files(file: str, name: str) -> None:
    assert cli.name_for(Path(file)) == name


def test_adding_the_command_does_not_import_what_it_runs() -> None:
    heavy = "{'sklearn', 'onnx', 'astropy', 'matplotlib'}"
    code = f"import sys, astroscale_training.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ.copy(), check=False).returncode == 0
