"""The `astroscale` command against the running system, as a user runs it: a process, its output, its exit code."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from astroscale_client import AstroScale, Prediction
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.system import Stack, command_env

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "mock_catalogue.csv"
SEVEN = ("ra", "dec", "teff", "logg", "fe_h", "snr", "parallax")
SUN = ("200.12", "-47.33", "5800", "4.3", "0.0", "100", "7.2")


class Command:
    """Runs `astroscale` with the system's settings in a folder of its own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._env = command_env(stack.env)
        self._folder = folder

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Standard output; fails where the exit code is another or a log line or stack trace is shown."""
        done = subprocess.run(
            [sys.executable, "-m", "astroscale_client.cli", *arguments],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert '"event"' not in done.stderr + done.stdout
        return done.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The same, read as JSON."""
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def astroscale(stack: Stack, tmp_path: Path) -> Command:
    return Command(stack, tmp_path)


def test_one_star(astroscale: Command) -> None:
    answer = astroscale.json("predict", *SUN)
    assert answer["interval"]["lower_kms"] <= answer["radial_velocity_kms"] <= answer["interval"]["upper_kms"]
    assert answer["flags"] == []
    assert "90% interval" in astroscale("predict", *SUN)


def test_missing_values_widen_the_interval(astroscale: Command) -> None:
    # Without its spectrum alone a star is taken for one of those that never had any, and they may scatter less.
    whole = astroscale.json("predict", *SUN)["interval"]
    answer = astroscale.json("predict", *SUN[:2], "-", "-", "-", "-", "-")
    widened = answer["interval"]
    assert widened["upper_kms"] - widened["lower_kms"] > whole["upper_kms"] - whole["lower_kms"]
    assert answer["flags"] == ["missing_teff", "missing_logg", "missing_fe_h", "missing_snr", "missing_parallax"]


def test_a_star_out_of_range_is_refused_with_3(astroscale: Command) -> None:
    error = astroscale.json("predict", "400", *SUN[1:], code=3)["error"]
    assert error["fields"][0]["field"] == "ra"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_is_predicted_and_keeps_its_columns(astroscale: Command, stack: Stack, tmp_path: Path) -> None:
    summary = astroscale.json("predict", "--file", str(SAMPLE), "--out", "out.csv")
    source, written = rows_of(SAMPLE), rows_of(tmp_path / "out.csv")
    assert (summary["rows"], summary["refused"], summary["by"]) == (len(source), 0, f"gateway {stack.gateway_url}")
    names = list(source[0])
    assert list(written[0])[: len(names)] == names
    assert [{name: row[name] for name in names} for row in written] == source
    row = 17
    star = {name: float(source[row][name]) for name in (*SEVEN, "pmra", "pmdec") if source[row][name]}
    with AstroScale(stack.gateway_url) as scale:
        alone = scale.predict(**star)
    assert float(written[row]["radial_velocity_kms"]) == pytest.approx(alone.radial_velocity_kms)
    assert written[row]["model_version"] == alone.model.version


def test_without_a_system_the_same_bytes_come_out(astroscale: Command, tmp_path: Path) -> None:
    """Every row of the sample, and rows that are refused on both sides."""
    bad = "x1,400,2,,,,,,,,,\nx2,10,2,hot,,,,,,,,\nx3,,2,,,,,,,,1,\nx4,10,2,-5,,,,,,,9999,\nx5,10,2,,,,inf,,,,fast,\n"
    (tmp_path / "stars.csv").write_text(SAMPLE.read_text("utf-8") + bad, "utf-8")
    there = astroscale.json("predict", "--file", "stars.csv", "--out", "there.csv", code=3)
    here = astroscale.json("predict", "--file", "stars.csv", "--out", "here.csv", "--local", code=3)
    assert there["refused"] == here["refused"] == 5
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    assert "slot default" in here["by"]


def test_the_measured_velocity_has_no_part_in_the_prediction(astroscale: Command, tmp_path: Path) -> None:
    source = rows_of(SAMPLE)[:500]
    for name, rows in (
        ("with", source),
        ("without", [{n: v for n, v in row.items() if n != "rv_kms"} for row in source]),
        ("other", [{**row, "rv_kms": "-250"} for row in source]),
    ):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        astroscale("predict", "--file", f"{name}.csv", "--out", f"{name}.out.csv")
    done = {name: rows_of(tmp_path / f"{name}.out.csv") for name in ("with", "without", "other")}
    of_rv = ("rv_kms", "tail_probability")
    plain = {name: [{n: v for n, v in row.items() if n not in of_rv} for row in rows] for name, rows in done.items()}
    assert plain["with"] == plain["without"] == plain["other"]
    assert "tail_probability" not in done["without"][0]
    assert all(0 <= float(row["tail_probability"]) <= 1 for row in done["with"])


def test_refused_rows_stay_in_the_table(astroscale: Command, tmp_path: Path) -> None:
    (tmp_path / "stars.csv").write_text("id,ra,dec,teff\n1,10,5,5800\n2,361,5,5800\n3,10,5,hot\n4,10,-91,\n", "utf-8")
    summary = astroscale.json("predict", "--file", "stars.csv", code=3)
    assert (summary["predicted"], summary["refused"]) == (1, 3)
    errors = [row["error"] for row in rows_of(tmp_path / "stars.predictions.csv")]
    assert errors[0] == ""
    for error, name in zip(errors[1:], ("ra", "teff", "dec"), strict=True):
        assert error.startswith(name)


async def test_the_python_client(stack: Stack) -> None:
    with AstroScale(stack.gateway_url) as scale:
        results = scale.predict_many([{"ra": (10.0 + i) % 360, "dec": -5.0, "parallax": 1.0} for i in range(1_500)])
        table = scale.predict_table(
            {"id": ["a", "b"], "ra": [10.0, 400.0], "dec": [-5.0, 0.0], "parallax": [1.0, None]}
        )
        assert scale.readiness()["ready"] is True
        assert scale.model()["slot"] == "default"
    assert all(isinstance(result, Prediction) for result in results)
    first = results[0]
    assert isinstance(first, Prediction)
    assert table.column("radial_velocity_kms").to_pylist() == [pytest.approx(first.radial_velocity_kms), None]
    assert table.column("error").to_pylist() == [None, "ra is 400; allowed is [0, 360) deg"]


async def test_status_and_audit_account_for_every_row(astroscale: Command, stack: Stack, tmp_path: Path) -> None:
    """A table, and what anyone might write to the raw topic: good, bad and unreadable."""
    before = astroscale.json("audit", "--wait", "60")["encode"]
    (tmp_path / "stars.csv").write_text(
        "source_id,ra,dec\n" + "".join(f"c{i},{i % 360},{i % 90}\n" for i in range(3_000)) + "bad,10,95\n", "utf-8"
    )
    astroscale("ingest", "stars.csv")
    producer = clients.producer(KafkaSettings(bootstrap_servers=stack.kafka_bootstrap))
    await producer.start()
    for value in (b'{"ra": 1, "dec": 2}', b'[{"ra": 1, "dec": 2}, {"ra": "x", "dec": 2}]', b"{broken", b""):
        await producer.send_and_wait(topics.RAW, value)
    await producer.stop()
    report = astroscale.json("audit", "--wait", "60")
    assert report["clean"]
    assert report["encode"]["rows"] - before["rows"] == 3_001 + 5
    assert report["encode"]["refused"] - before["refused"] == 1 + 3
    assert report["predict"]["rows"] == report["predict"]["done"] == report["encode"]["done"]
    assert len(report["ledger"]) == 6
    status = astroscale.json("status")
    assert status["adds_up"]
    assert [stage["lag"] for stage in status["stages"]] == [0, 0]
    assert status["stages"][0]["rows_in"] == report["encode"]["rows"]
    assert {service["name"]: service["ready"] for service in status["services"]}["gateway"] is True
    assert "astro.observations.raw.v1" in astroscale("status")
    assert "clean: every row accounted for" in astroscale("audit")


def test_models_are_listed_shown_and_promoted(astroscale: Command) -> None:
    default = [entry for entry in astroscale.json("model", "list") if entry["default"]]
    assert len(default) == 1
    name, version = default[0]["name"], default[0]["version"]
    assert version in astroscale("model", "list")
    assert astroscale.json("model", "show", name, version)["version"] == version
    assert "interval, inputs missing" in astroscale("model", "show", name)
    promoted = astroscale.json("model", "promote", name, version, "--wait", "30")
    assert (promoted["slot"], promoted["version"], promoted["served"]) == ("default", version, True)
    astroscale("model", "promote", "no-such-model", code=1)
