"""Tables are read, and what cannot be learnt from is left out and counted."""

from pathlib import Path

import numpy as np
import pytest
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_training.prepare import TrainingStars, prepare
from astroscale_training.tables import read_folder

HEADER = "source_id,ra,dec,teff,logg,fe_h,snr,parallax,pmra,pmdec,rv_kms,survey"


def stars(count: int, first_ra: float = 0.0) -> list[str]:
    return [f"S{i},{first_ra + i * 0.1:.4f},10,5000,4,0,50,5,,,{i % 50},A" for i in range(count)]


def prepared(folder: Path, *files: list[str], header: str = HEADER) -> TrainingStars:
    for number, lines in enumerate(files):
        (folder / f"{number}.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return prepare(read_folder(folder))


def cuts(data: TrainingStars) -> dict[str, int]:
    return {cut.name: cut.rows for cut in data.cuts}


def test_cuts_are_counted_once_each(tmp_path: Path) -> None:
    bad = [
        "X1,1,1,5000,4,0,50,5,,,,A",  # no velocity
        "X2,1,95,5000,4,0,50,5,,,10,A",  # no such declination
        "X3,1,2,5000,4,0,50,5,,,-700,A",  # not bound
    ]
    data = prepared(tmp_path, stars(250) + bad)
    assert cuts(data) == {"no_velocity": 1, "invalid": 1, "impossible_velocity": 1, "duplicate": 0}
    assert len(data) == 250
    assert data.counts_per_survey() == {"A": 250}
    assert data.files[0].rows == 253


def test_of_a_star_in_two_tables_the_fuller_row_stays(tmp_path: Path) -> None:
    bare = ["B1,0.0005,10.0003,,,,,5,,,3,B", "B2,0.1000,10.002,,,,,5,,,3,B"]  # 2.1 arcsec and 7.2 arcsec from a star
    data = prepared(tmp_path, bare, stars(250))
    assert cuts(data)["duplicate"] == 1
    assert sorted(data.stars.source_id[data.survey == "B"]) == ["B2"]


def test_duplicates_are_found_across_the_meridian(tmp_path: Path) -> None:
    data = prepared(tmp_path, [*stars(250), "W,359.9999,10,5000,4,0,50,,,,3,A"])
    assert cuts(data)["duplicate"] == 1
    assert "W" not in set(data.stars.source_id)


def test_empty_fields_are_missing_values(tmp_path: Path) -> None:
    data = prepared(tmp_path, [*stars(250), ",200,10,,,,,,,,3,"])
    last = {name: values[-1] for name, values in data.stars.numeric.items()}
    assert np.isnan([last[name] for name in ("teff", "logg", "fe_h", "snr", "parallax", "pmra", "pmdec")]).all()
    assert data.stars.source_id[-1] is None
    assert data.survey[-1] == "unknown"


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        (stars(10), HEADER, "10 usable stars"),
        ([line.replace(f",{i % 50},A", ",7,A") for i, line in enumerate(stars(250))], HEADER, "same rv_kms"),
        (stars(250), HEADER.replace("rv_kms", "velocity"), "lacks the column rv_kms"),
        (["S,1,1,hot,4,0,50,5,,,3,A"], HEADER, r"0\.csv"),
    ],
)
def test_unusable_tables_get_one_sentence(tmp_path: Path, lines: list[str], header: str, said: str) -> None:
    with pytest.raises(AstroScaleError, match=said) as error:
        prepared(tmp_path, lines, header=header)
    assert error.value.code == "bad_training_data"


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AstroScaleError, match="absent") as error:
        read_folder(tmp_path / "absent")
    assert error.value.code == "no_training_data"
