"""The command as a user types it: what is printed where, and the exit code."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from astroscale_client import cli, plugins

from tests.unit.client.fake_gateway import FakeGateway, busy

SUN = ["200.12", "-47.33", "5800", "4.3", "0.0", "100", "7.2"]


def run(*arguments: str) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def test_one_star_with_negative_numbers(gateway: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", *SUN, "--url", gateway.url) == 0
    assert gateway.requests == [
        {"ra": 200.12, "dec": -47.33, "teff": 5800, "logg": 4.3, "fe_h": 0, "snr": 100, "parallax": 7.2}
    ]
    printed = capsys.readouterr()
    assert "+200.1 km/s" in printed.out
    assert "90% interval" in printed.out
    assert printed.err == ""


def test_missing_values_and_negative_options(gateway: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        "predict", "1", "-2e-1", "-", "null", "NaN", "-", "-.5", "--pmra", "-11.5", "--json", "--url", gateway.url
    )
    assert code == 0
    assert gateway.requests[0] == {
        "ra": 1, "dec": -0.2, "teff": None, "logg": None, "fe_h": None, "snr": None, "parallax": -0.5, "pmra": -11.5,
    }  # fmt: skip
    assert json.loads(capsys.readouterr().out)["flags"] == [f"missing_{n}" for n in ("teff", "logg", "fe_h", "snr")]


def test_notes_are_in_words(gateway: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "1", "2", "-", "-", "-", "-", "-", "--url", gateway.url) == 0
    assert "metallicity [Fe/H] is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1", "2", "3"], "seven values are needed, 3 given"),
        ([], "seven values are needed, 0 given"),
        ([*SUN[:6], "many"], "PARALLAX is 'many', which is no number"),
        (["-", *SUN[1:]], "RA cannot be missing"),
        ([*SUN, "--file", "x.csv"], "either seven values or --file"),
        ([*SUN, "--out", "x.csv"], "--out goes with --file"),
        (["1", "2", "--quiet"], "no such option: --quiet"),
        (["--file", "stars.txt"], "is none of the formats: .csv, .parquet"),
        (["--file", "none.csv"], "none.csv does not exist"),
        ([*SUN, "--local"], "--local goes with --file"),
        (["--file", "none.csv", "--model", "default"], "--model goes with --local"),
        ([*SUN, "--url", "nowhere"], "is no address of a gateway"),
    ],
)
def test_wrong_usage_is_one_sentence_and_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", *arguments) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""


def test_an_eighth_value_is_wrong_usage() -> None:
    assert run("predict", *SUN, "1.0") == 2


def test_a_refused_star_is_3(gateway: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.unit.client.fake_gateway import refusal

    gateway.behaviour = lambda _: refusal("ra", 400.0, "[0, 360) deg")
    assert run("predict", "400", *SUN[1:], "--url", gateway.url) == 3
    assert "refused: ra is 400.0; allowed is [0, 360) deg" in capsys.readouterr().err


def test_no_gateway_is_4_without_a_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", *SUN, "--url", "http://127.0.0.1:1") == 4
    assert capsys.readouterr().err.startswith("error: the gateway at http://127.0.0.1:1 does not answer")


def test_no_kafka_is_4(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("astroscale_client.reader.Reader.__init__.__kwdefaults__", {"deadline": 0.1})
    for command in ("status", "audit"):
        assert run(command) == 4
        assert capsys.readouterr().err.strip() == "error: no Kafka answers at 127.0.0.1:1"


def test_a_table_is_predicted_and_nothing_is_dropped(
    gateway: FakeGateway, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "stars.csv").write_text("id,ra,dec\n01,1,2\n02,2,north\n03,3,\n04,4,5\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", gateway.url, "--json") == 3
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["predicted"], summary["refused"]) == (4, 2, 2)
    assert summary["refused_because"] == {
        'dec is "north"; allowed is a number in [-90, 90] deg': 1,
        "dec is None; allowed is [-90, 90] deg": 1,
    }
    assert summary["flagged"] == {"missing_teff": 2}
    assert summary["median_interval_width_kms"] == 80.0
    assert summary["by"] == f"gateway {gateway.url}"
    assert (elsewhere / "stars.predictions.csv").read_text("utf-8").splitlines()[1:4:2] == [
        '"01","1","2",1,0.0000033356409519815205,-39,-19,1,21,41,"missing_teff","default","0123456789ab",',
        '"03","3",,,,,,,,,,,,"dec is None; allowed is [-90, 90] deg"',
    ]
    written = pa_csv.read_csv(elsewhere / "stars.predictions.csv")
    assert written.column("radial_velocity_kms").to_pylist() == [1, None, None, 4]
    assert written.column("error").to_pylist() == [
        "",
        'dec is "north"; allowed is a number in [-90, 90] deg',
        "dec is None; allowed is [-90, 90] deg",
        "",
    ]


def test_a_table_of_good_stars_is_0(gateway: FakeGateway, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "stars.csv").write_text("ra,dec\n1,2\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--out", "out.parquet", "--url", gateway.url) == 0
    assert "out.parquet" in capsys.readouterr().out
    assert pq.read_table(elsewhere / "out.parquet").num_rows == 1


def test_a_long_table_goes_in_pieces_and_comes_back_in_order(gateway: FakeGateway, elsewhere: Path) -> None:
    rows = 30_000
    (elsewhere / "stars.csv").write_text("ra,dec\n" + "".join(f"{i / 100},0\n" for i in range(rows)), "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", gateway.url, "--concurrency", "4") == 0
    assert max(batch.num_rows for batch in gateway.batches) <= 4_000
    done = pa_csv.read_csv(elsewhere / "stars.predictions.csv")
    assert done.column("ra").to_pylist() == [i / 100 for i in range(rows)]
    assert done.column("radial_velocity_kms").to_pylist() == pytest.approx(done.column("ra").to_pylist())


def test_only_inputs_are_sent(gateway: FakeGateway, elsewhere: Path) -> None:
    (elsewhere / "stars.csv").write_text("rv_kms,note,dec,ra,pmdec\n-50,x,2,1,3\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", gateway.url) == 0
    assert gateway.batches[0].to_pylist() == [{"ra": 1.0, "dec": 2.0, "pmdec": 3.0, "rv_kms": -50.0}]
    done = pa_csv.read_csv(elsewhere / "stars.predictions.csv")
    assert done.column("tail_probability").to_pylist() == [-0.5]


def test_an_empty_table_is_written_too(gateway: FakeGateway, elsewhere: Path) -> None:
    (elsewhere / "stars.csv").write_text("ra,dec\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", gateway.url) == 0
    assert (elsewhere / "stars.predictions.csv").read_text("utf-8").startswith("ra,dec,radial_velocity_kms,")
    assert gateway.batches == []


def test_a_gateway_that_refuses_writes_nothing(
    gateway: FakeGateway, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.of_batch = lambda: busy()
    (elsewhere / "stars.csv").write_text("ra,dec\n1,2\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", gateway.url) == 1
    assert "too many requests" in capsys.readouterr().err
    assert [path.name for path in elsewhere.iterdir()] == ["stars.csv"]


def test_a_table_without_a_gateway_is_4_and_says_what_helps(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "stars.csv").write_text("ra,dec\n1,2\n", "utf-8")
    assert run("predict", "--file", "stars.csv", "--url", "http://127.0.0.1:1") == 4
    assert capsys.readouterr().err == (
        "error: the gateway at http://127.0.0.1:1 does not answer; "
        "start the system (`make up`), or predict without one (`--local`)\n"
    )
    assert [path.name for path in elsewhere.iterdir()] == ["stars.csv"]


def test_help_is_worth_reading(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    printed = capsys.readouterr().out
    for word in (
        "Examples",
        "Exit codes",
        "predict",
        "status",
        "audit",
        "model",
        "up",
        "ingest",
        "train",
        "federation",
    ):
        assert word in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("astroscale 0.")


def test_a_member_that_is_not_installed_is_listed_and_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_installed(group: str) -> list[EntryPoint]:
        return [EntryPoint("ingest", "astroscale_absent.cli:register", group)]

    monkeypatch.setattr(plugins, "entry_points", none_installed)
    monkeypatch.setenv("COLUMNS", "200")
    assert run("--help") == 0
    assert capsys.readouterr().out.count("Not installed") == len(plugins.KNOWN)
    for known in plugins.KNOWN:
        assert run(known.name, "anything", "--at-all") == 1
        assert f"pip install 'astroscale[{known.extra}]'" in capsys.readouterr().err


def test_an_unexpected_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr("astroscale_client.where.gateway_url", broken)
    assert run("predict", *SUN) == 1
    assert capsys.readouterr().err.startswith("error: RuntimeError: a bug")
