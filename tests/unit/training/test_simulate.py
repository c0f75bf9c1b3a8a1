"""The mock catalogue: valid, seeded, of three components, and consistent with the geometry of the stars."""

import csv
from pathlib import Path

import numpy as np
from astroscale_shared.stars.geometry import geometry, tangential_kms
from astroscale_shared.stars.observations import from_columns, validate
from astroscale_training.simulate import simulate, write_csv

SHIPPED = Path(__file__).parents[3] / "data/sample/mock_catalogue.csv"


def test_every_star_is_valid_and_some_values_are_missing() -> None:
    stars = simulate(1_000, seed=3)
    good, rejections = validate(from_columns(stars))
    assert good.all(), rejections[:3]
    missing = {name: int(np.isnan(values).sum()) for name, values in stars.items()}
    assert missing["ra"] == missing["dec"] == missing["rv_kms"] == 0
    assert all(missing[name] > 0 for name in ("teff", "logg", "fe_h", "snr", "parallax", "pmra", "pmdec"))


def test_metal_poor_stars_are_few_and_fast() -> None:
    stars = simulate(5_000, seed=3)
    poor, rich = stars["fe_h"] < -1.3, stars["fe_h"] > -0.3
    assert 10 < poor.sum() < 500 < rich.sum()
    assert stars["rv_kms"][poor].std() > 2 * stars["rv_kms"][rich].std()


def test_disc_velocities_follow_the_sun_and_rotation() -> None:
    stars = simulate(5_000, seed=3)
    disc = (stars["fe_h"] > -0.3) & ~np.isnan(stars["parallax"]) & ~np.isnan(stars["pmra"])
    ra, dec, parallax, pmra, pmdec, rv = (
        stars[name][disc] for name in ("ra", "dec", "parallax", "pmra", "pmdec", "rv_kms")
    )
    place = geometry(ra, dec, parallax)
    expected = 214.0 * place.rotation - 11.1 * place.nx - 241.2 * place.ny - 7.25 * place.nz
    assert abs(np.mean(rv - expected)) < 3.0
    assert np.std(rv - expected) < 0.97 * np.std(rv)
    # Along longitude and latitude the same motion must show in the proper motions.
    v_l, v_b = tangential_kms(ra, dec, pmra, pmdec, place.distance)
    longitude = np.arctan2(place.ny, place.nx)
    near = place.distance < 1.0
    reflex_l = 11.1 * np.sin(longitude) - 27.2 * np.cos(longitude)
    assert np.corrcoef(v_l[near], reflex_l[near])[0, 1] > 0.4
    assert np.mean(v_b[near]) < 0.0


def test_same_seed_same_file_another_seed_another(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        write_csv(simulate(50, seed), file)
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_shipped_catalogue_says_that_it_is_simulated() -> None:
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5_000
    assert {row["survey"] for row in rows} == {"simulated"}
    assert len({row["source_id"] for row in rows}) == 5_000
    assert SHIPPED.stat().st_size < 1_000_000
