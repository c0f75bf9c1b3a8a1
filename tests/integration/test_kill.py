"""The promise of the chain: kill -9 in the middle of a million rows loses none and repeats none."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astroscale_client import audit
from astroscale_shared.messaging import ledger
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.system import Stack, command_env

ROWS = 1_000_000
FLOWS_AGAIN_S = 15.0


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(20261124)
    table = pa.table(
        {
            "source_id": np.char.add("K", np.arange(ROWS).astype(str)),
            "ra": random.uniform(0, 360, ROWS),
            "dec": np.degrees(np.arcsin(random.uniform(-1, 1, ROWS))),
            "teff": random.uniform(3_500, 7_500, ROWS),
            "logg": random.uniform(0.5, 5, ROWS),
            "fe_h": random.normal(-0.3, 0.4, ROWS),
            "snr": random.uniform(5, 300, ROWS),
            "parallax": random.exponential(2.0, ROWS),
        }
    )
    path = tmp_path_factory.mktemp("million") / "million.parquet"
    pq.write_table(table, path)
    return path


class Seen:
    """What the topics say of the rows that came since we began to look."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._before = {"preprocessor": 0, "inference": 0}
        self._before = self.rows()

    def rows(self) -> dict[str, int]:
        stages = ledger.add_up(asyncio.run(ledger.read(self._kafka)))
        return {name: (stages[name].rows_in if name in stages else 0) - self._before[name] for name in self._before}

    def wait(self, service: str, rows: int, timeout: float) -> int:
        end = time.monotonic() + timeout
        while (now := self.rows()[service]) < rows:
            assert time.monotonic() < end, f"{service} stands at {now} of {rows} rows after {timeout:.0f} s"
            time.sleep(0.05)
        return now


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_no_row_is_lost_or_repeated_when_services_are_killed(stack: Stack, million: Path) -> None:
    kafka = KafkaSettings(bootstrap_servers=stack.kafka_bootstrap)
    seen = Seen(kafka)
    ingest = subprocess.Popen(
        [sys.executable, "-m", "astroscale_ingestor", "ingest", str(million), "--json"],
        env=command_env(stack.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for service, at in (("preprocessor", 0.25), ("inference", 0.4)):
        killed_at = seen.wait(service, int(at * ROWS), 120)
        assert killed_at < 0.8 * ROWS, "the stream was too far on for a kill in its middle"
        old = stack.kill(service)
        began = time.monotonic()
        stands = seen.rows()[service]
        seen.wait(service, stands + 1, FLOWS_AGAIN_S)
        print(f"\nkilled {service} at {killed_at / ROWS:.0%}; rows flow again after {time.monotonic() - began:.1f} s")
        stack.wait_restarted(service, old)
    _, errors = ingest.communicate(timeout=120)
    assert ingest.returncode == 0, errors.decode()
    seen.wait("inference", ROWS, 180)
    report = asyncio.run(audit.run(kafka))
    print(report)
    assert report.clean, report
    assert seen.rows() == {"preprocessor": ROWS, "inference": ROWS}
