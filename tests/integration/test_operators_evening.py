"""The operator's evening: a model that cannot score hot stars, a survey that mixes up its units, and no row lost."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from astroscale_shared.messaging import clients, codec, topics
from astroscale_shared.registry import Registry
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.graphs import card, graph
from tests.support.operator import Operator, at_terminal
from tests.support.system import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

HOT = (17, 400, 999)
NIGHT: list[dict[str, float | None]] = [
    {"ra": row * 0.36, "dec": 10.0, "teff": 9_000.0 if row in HOT else None} for row in range(1_000)
]
MIXED_UP: list[dict[str, float | None]] = [{"ra": 1.0, "dec": dec} for dec in (10.0, 324_000.0, 11.0, -324_000.0)]


class Survey:
    """Streams stars; sees what was predicted for them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    async def send(self, stars: list[dict[str, float | None]]) -> tuple[int, int]:
        producer = clients.producer(self._settings)
        await producer.start()
        try:
            sent = await producer.send_and_wait(topics.RAW, orjson.dumps(stars), partition=2)
        finally:
            await producer.stop()
        return sent.partition, sent.offset

    async def predicted(self, at: tuple[int, int]) -> list[tuple[int, str]]:
        """Row and model version of each prediction for a message."""
        found: list[tuple[int, str]] = []
        for record in await clients.read_to_end(self._settings, topics.PREDICTIONS):
            batch = codec.from_trusted(record.value)
            names = ("raw_partition", "raw_offset", "raw_row", "model_version")
            for partition, offset, row, version in zip(*(batch.column(n).to_pylist() for n in names), strict=True):
                if (partition, offset) == at:
                    found.append((row, version))
        return found


@pytest.fixture
def astroscale(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operator:
    settings = KafkaSettings(bootstrap_servers=stack.kafka_bootstrap)
    env = {name: value for name, value in stack.env.items() if name.startswith("ASTROSCALE_")}
    return at_terminal(settings, tmp_path, monkeypatch, capsys, env | {"ASTROSCALE_URL": stack.gateway_url})


def until_refused(astroscale: Operator, since: str, expected: dict[str, int]) -> list[dict[str, Any]]:
    """The letters, once so many rows are refused by each reason."""
    end = time.monotonic() + 60
    while True:
        listed = astroscale.json("dlq", "list", "--since", since)
        found = {one["reason"]: one["rows"] for one in listed["reasons"]}
        if found == expected:
            return listed["letters"]
        assert time.monotonic() < end, f"refused are {found}, not {expected}"
        time.sleep(0.2)


def test_bad_rows_are_seen_set_right_and_predicted_once(stack: Stack, astroscale: Operator, tmp_path: Path) -> None:
    survey = Survey(KafkaSettings(bootstrap_servers=stack.kafka_bootstrap))
    shipped = httpx.get(f"{stack.gateway_url}/model", timeout=10.0).json()["version"]
    since = datetime.now(UTC).isoformat()

    # In the afternoon a new model was promoted. Nobody had tried it on hot stars.
    blind = Registry(tmp_path / "made").publish("blind", graph(bias=12.0, weights=(0.0, 0.0, 3e38)), card())
    astroscale("model", "publish", str(blind.path))
    astroscale("model", "promote", "blind", "--wait", "30")

    # The night begins. Three stars of a thousand are hot; another survey sends declinations in seconds of arc.
    night, mixed_up = asyncio.run(survey.send(NIGHT)), asyncio.run(survey.send(MIXED_UP))
    letters = until_refused(astroscale, since, {"not_finite_prediction": 3, "out_of_range": 2})

    # The operator looks: what, how much, why, which.
    listed = astroscale("dlq", "list", "--since", since)
    assert "3 of 1,000" in listed
    assert "dec = 324000" in listed
    assert "the model's answer is not a finite number" in listed
    raw = next(one for one in letters if one["topic"] == topics.RAW)
    assert raw["reasons"] == {"out_of_range": 2}
    shown = astroscale("dlq", "show", raw["position"])
    assert "allowed is" in shown
    assert orjson.dumps(MIXED_UP).decode() in shown.replace("\n", "")

    # The fix: the model that served before. Then the three stars once more, and only they; asking twice is not double.
    astroscale("model", "rollback", "--wait", "30")
    by_reason = ("dlq", "redrive", "--since", since, "--reason", "not_finite_prediction", "--yes")
    assert "re-driven 3 rows of 1 refused message\n" in astroscale(*by_reason)
    assert "nothing to re-drive" in astroscale(*by_reason)

    # The other survey must set right what it sends: as it is, its rows are refused again, and not for ever.
    assert astroscale.json("dlq", "redrive", "--position", raw["position"], "--yes")["rows"] == 2
    letters = until_refused(astroscale, since, {"not_finite_prediction": 3, "out_of_range": 4})
    again = next(one for one in letters if one["topic"] == topics.RAW and one["hop"] == 1)
    assert again["origin"] == raw["origin"]
    assert "re-driven 1 times already" in astroscale(
        "dlq", "redrive", "--position", again["position"], "--max-hops", "1", "--yes", code=3
    )

    # Good night: every row is accounted for, each star of the night predicted once.
    report = astroscale.json("audit", "--wait", "60")
    assert report["clean"], report
    predicted = asyncio.run(survey.predicted(night))
    assert sorted(row for row, _ in predicted) == list(range(1_000))
    assert sorted(row for row, version in predicted if version == shipped) == list(HOT)
    assert Counter(version for _, version in predicted)[blind.version] == 997
    assert sorted(row for row, _ in asyncio.run(survey.predicted(mixed_up))) == [0, 2]


@pytest.mark.parametrize("topic", ["raw", "encoded"])
def test_a_night_goes_through_the_chain_once_more_and_is_no_second_copy(
    stack: Stack, astroscale: Operator, topic: str
) -> None:
    settings = KafkaSettings(bootstrap_servers=stack.kafka_bootstrap)
    since = datetime.now(UTC).isoformat()
    asyncio.run(Survey(settings).send(MIXED_UP))
    assert astroscale.json("audit", "--wait", "60")["clean"]
    done = astroscale.json("replay", "--topic", topic, "--from", since, "--yes")
    assert (done["rows"], done["messages"]) == ({"raw": 4, "encoded": 2}[topic], 1)
    report = astroscale.json("audit", "--wait", "60")
    assert report["clean"], report
    again = [
        row
        for record in asyncio.run(clients.read_to_end(settings, topics.PREDICTIONS))
        for row in codec.from_trusted(record.value).to_pylist()
        if row["replay_id"] == done["id"]
    ]
    assert sorted(row["raw_row"] for row in again) == [0, 2]
