"""The `astroscale` command against the running system, as a user runs it: a process, its output, its exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from astroscale_client import AstroScale, Prediction, table
from astroscale_shared.messaging import clients, topics
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.system import Stack, command_env

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "mock_catalogue.csv"
ROWS = 1_000
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
    whole = astroscale.json("predict", *SUN)["interval"]
    answer = astroscale.json("predict", *SUN[:2], "-", "-", "-", "-", SUN[6])
    widened = answer["interval"]
    assert widened["upper_kms"] - widened["lower_kms"] > whole["upper_kms"] - whole["lower_kms"]
    assert answer["flags"] == ["missing_teff", "missing_logg", "missing_fe_h", "missing_snr"]


def test_a_star_out_of_range_is_refused_with_3(astroscale: Command) -> None:
    error = astroscale.json("predict", "400", *SUN[1:], code=3)["error"]
    assert error["fields"][0]["field"] == "ra"


def test_a_table_is_predicted_and_keeps_its_columns(astroscale: Command, stack: Stack, tmp_path: Path) -> None:
    """As many rows of the sample as show the concurrency; all of them take some seconds more."""
    lines = SAMPLE.read_text("utf-8").splitlines()
    (tmp_path / "stars.csv").write_text("\n".join(lines[: ROWS + 1]) + "\n", "utf-8")
    summary = astroscale.json("predict", "--file", "stars.csv", "--out", "out.csv")
    source, written = table.read(tmp_path / "stars.csv"), table.read(tmp_path / "out.csv")
    assert (summary["rows"], summary["refused"]) == (ROWS, 0)
    for name in source.column_names:
        assert written.column(name).equals(source.column(name))
    row = 17
    star = table.stars(source)[row]
    with AstroScale(stack.gateway_url) as scale:
        alone = scale.predict(**star)
    assert float(written.column("radial_velocity_kms")[row].as_py()) == pytest.approx(alone.radial_velocity_kms)
    assert written.column("model_version")[row].as_py() == alone.model.version


def test_refused_rows_stay_in_the_table(astroscale: Command, tmp_path: Path) -> None:
    (tmp_path / "stars.csv").write_text("id,ra,dec,teff\n1,10,5,5800\n2,361,5,5800\n3,10,5,hot\n4,10,-91,\n", "utf-8")
    summary = astroscale.json("predict", "--file", "stars.csv", code=3)
    assert (summary["predicted"], summary["refused"]) == (1, 3)
    errors = table.read(tmp_path / "stars.predictions.csv").column("error").to_pylist()
    assert errors[0] is None
    for error, name in zip(errors[1:], ("ra", "teff", "dec"), strict=True):
        assert error.startswith(name)


async def test_the_python_client(stack: Stack) -> None:
    with AstroScale(stack.gateway_url) as scale:
        results = scale.predict_many([{"ra": 10.0 + i, "dec": -5.0, "parallax": 1.0} for i in range(100)])
        assert scale.readiness()["ready"] is True
        assert scale.model()["slot"] == "default"
    assert all(isinstance(result, Prediction) for result in results)


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
