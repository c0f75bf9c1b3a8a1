"""Tables are read, and what cannot be learnt from is left out and counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_training.boosting import fit_trees
from astroscale_training.folds import shuffled_folds, sky_folds
from astroscale_training.prepare import TrainingStars, prepare
from astroscale_training.suspicions import require_plausible
from astroscale_training.tables import read_folder, read_table

REAL = Path(__file__).parents[4] / "shared/data/stars"
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


def test_a_star_in_two_tables_stays_in_both_and_in_one_fold(tmp_path: Path) -> None:
    bare = ["B1,0.0005,10.0003,,,,,5,,,3,B", "B2,0.1000,10.002,,,,,5,,,3,B"]  # 2.1 arcsec and 7.2 arcsec from a star
    data = prepared(tmp_path, bare, stars(250))
    assert cuts(data)["duplicate"] == 0
    row = {name: i for i, name in enumerate(data.stars.source_id)}
    assert data.same_star[row["B1"]] == data.same_star[row["S0"]]
    assert len(set(data.same_star)) == len(data) - 1


def test_of_a_star_twice_in_a_table_the_fuller_row_stays(tmp_path: Path) -> None:
    data = prepared(tmp_path, ["B1,0.0005,10.0003,,,,,5,,,3,A", *stars(250)])
    assert cuts(data)["duplicate"] == 1
    assert "B1" not in set(data.stars.source_id)


def test_no_star_is_in_two_folds(tmp_path: Path) -> None:
    many = stars(900)
    # Every third star a second time, half an arcsecond away, in a table of its own; and a star astride two cells of the sky.
    again = [f"T{i},{i * 0.1 + 0.00015:.5f},10,,,,,5,,,{i % 50},B" for i in range(0, 900, 3)]
    many.append("E1,74.99999,15.2,,,,,5,,,3,A")
    again.append("E2,75.00001,15.2,,,,,5,,,3,B")
    data = prepared(tmp_path, many, again)
    assert len(data) - len(set(data.same_star)) == 301
    ra, dec = data.stars.numeric["ra"], data.stars.numeric["dec"]
    for fold in (shuffled_folds(data.same_star, 5, 0), sky_folds(ra, dec, data.same_star, 5, 0)):
        assert len(set(fold)) == 5
        assert len(set(zip(data.same_star, fold, strict=True))) == len(set(data.same_star))


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
        (stars(10), HEADER, "10 usable stars are left of 10; at least 200"),
        (stars(199), HEADER, "199 usable stars"),
        ([], HEADER, "0 usable stars are left of 0"),
        ([line.replace(",10,5000", ",,5000") for line in stars(250)], HEADER, r"dec in 250 \(such as nan"),
        (
            [",".join([*line.split(",")[:10], "", "A"]) for line in stars(250)],
            HEADER,
            "250 no_velocity: rv_kms is missing",
        ),
        (
            stars(250),
            HEADER.replace("teff", "x").replace("snr", "teff").replace("ra,", "dec_,").replace("dec,", "ra,"),
            "lacks",
        ),
        (
            [line.replace(",50,5,", ",-9999,5,") for line in stars(250)],
            HEADER,
            r"snr in 250 \(such as -9999; allowed is \[0,",
        ),
        ([line.replace(f",{i % 50},A", ",2999,A") for i, line in enumerate(stars(40))], HEADER, "above 600 km/s"),
        ([line.replace(f",{i % 50},A", ",7,A") for i, line in enumerate(stars(250))], HEADER, "same rv_kms"),
        (stars(250), HEADER.replace("rv_kms", "velocity"), "lacks the column rv_kms; its columns are source_id, ra"),
        (["S,1,1,hot,4,0,50,5,,,3,A"], HEADER, r"0\.csv"),
    ],
)
def test_unusable_tables_get_one_sentence(tmp_path: Path, lines: list[str], header: str, said: str) -> None:
    with pytest.raises(AstroScaleError, match=said) as error:
        prepared(tmp_path, lines, header=header)
    assert error.value.code == "bad_training_data"


def test_the_report_says_which_columns_made_rows_invalid(tmp_path: Path) -> None:
    bad = [
        "X1,400,1,5000,4,0,50,5,,,1,A",
        "X2,1,1,-9999,4,0,50,5,,,1,A",
        "X3,2,1,-9999,4,0,50,5,,,1,A",
        "X4,,1,,,,,,,,1,A",
    ]
    data = prepared(tmp_path, stars(250) + bad)
    reason = next(cut.reason for cut in data.cuts if cut.name == "invalid")
    assert cuts(data)["invalid"] == 4
    assert "teff in 2 (such as -9999; allowed is (0, 200000] K)" in reason
    assert "ra in 2 (such as 400; allowed is [0, 360) deg)" in reason


def test_columns_without_a_value_are_reported_and_no_obstacle_to_trees(tmp_path: Path) -> None:
    data = prepared(tmp_path, stars(250))
    assert [note.split(":")[0] for note in data.notes] == ["no star has pmra", "no star has pmdec"]
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3)).astype(np.float32)
    features[:, 1] = np.nan
    target = np.sign(features[:, 0]).astype(np.float64)
    trees = fit_trees(features, target, np.ones(400), trees=20, leaves=3, smallest_leaf=20, learning_rate=0.3)
    filled = np.where(np.isnan(features), np.float32(7.0), features)
    assert np.allclose(trees.predict(features), target, atol=0.05)
    assert np.array_equal(trees.predict(filled), trees.predict(features)), "what was never seen is not asked for"


def line(i: int, **changed: float) -> str:
    values = {"ra": i * 0.55, "dec": i % 60, "teff": 5000, "logg": 4, "fe_h": 0, "snr": 50, "parallax": 5}
    values |= {"pmra": i % 40 - 20, "pmdec": i % 30 - 15, "rv_kms": i % 90 - 45} | changed
    return ",".join([f"S{i}", *map(str, values.values()), "A"])


@pytest.mark.parametrize(
    ("column", "value", "like"),
    [
        ("ra", lambda i: i * 0.55 / 15, "hours"),
        ("ra", lambda i: np.deg2rad(i * 0.55), "radians"),
        ("teff", lambda _: 3.7, "logarithm"),
        ("logg", lambda _: 10_000, "not its logarithm"),
        ("parallax", lambda _: 0.005, "arcseconds"),
        ("pmra", lambda _: 0.02, "arcseconds a year"),
        ("pmdec", lambda _: -0.02, "arcseconds a year"),
        ("rv_kms", lambda i: 1_000 * (i % 90 - 45), "metres a second"),
        ("rv_kms", lambda i: (i % 90 - 45) / 299_792, "redshift"),
    ],
)
def test_a_column_that_looks_like_another_unit_is_named(tmp_path: Path, column: str, value: Any, like: str) -> None:
    more = {"dec": lambda i: np.deg2rad(i % 60)} if like == "radians" else {}
    lines = [line(i, **{column: value(i)}, **{name: of(i) for name, of in more.items()}) for i in range(600)]
    with pytest.raises(AstroScaleError, match=f"{column} looks like .*{like}.*--trust-units") as error:
        prepared(tmp_path, lines)
    assert error.value.code == "suspicious_units"
    assert (error.value.fields[0]["field"], error.value.message.split(":")[0]) == (column, "0.csv")
    table = read_table(tmp_path / "0.csv")
    if column not in ("rv_kms", "logg"):  # most of those rows are impossible besides
        assert len(prepare([table], trust_units=True)) == 600


def test_temperature_and_gravity_the_wrong_way_round(tmp_path: Path) -> None:
    with pytest.raises(AstroScaleError, match="teff looks like the surface gravity, and logg like the temperature"):
        prepared(tmp_path, [line(i, teff=4, logg=5000) for i in range(300)])


def test_usual_tables_arouse_no_suspicion(tmp_path: Path) -> None:
    prepared(tmp_path, [line(i) for i in range(600)])
    far = [line(i, parallax=0.03 + 0.001 * (i % 7), pmra=0.15, pmdec=-0.3) for i in range(600)]
    prepared(tmp_path, far)
    in_one_field = [line(i, ra=10 + i * 0.01, dec=20 + i * 0.01) for i in range(300)]
    prepared(tmp_path, in_one_field)


@pytest.mark.skipif(not REAL.exists(), reason="the folder of real tables is not beside the project")
def test_the_real_tables_arouse_none_either() -> None:
    for table in read_folder(REAL):
        require_plausible(table)
