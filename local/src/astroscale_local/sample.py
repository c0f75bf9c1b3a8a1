"""Streams the sample once, and waits until the ledger has seen every row as a prediction or a reject."""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from astroscale_shared.messaging import ledger
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_local import project
from astroscale_local.errors import LocalError
from astroscale_local.plan import Plan
from astroscale_local.process import ManagedProcess, tail
from astroscale_local.report import Report

_NO_PROGRESS_S = 60.0
_INGEST_TIMEOUT_S = 300.0


def stream_once(plan: Plan, report: Report, *, again: bool, tick: Callable[[], None]) -> None:
    """Streams the sample unless this Kafka has had it; `again` streams it in any case. `tick` is called while waiting.

    Raises:
        LocalError: the ingestor failed, or the rows stopped arriving.
    """
    table = project.find(plan.settings.sample)
    marker = plan.paths.kafka / "sample.json"  # beside the data that it speaks of, so that both are wiped together
    if not table.is_file():
        report.say(f"There is no sample at {table}, so none is streamed.", "no_sample", "yellow", path=str(table))
        return
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    if not again and marker.exists() and json.loads(marker.read_text(encoding="utf-8")).get("sha256") == digest:
        return
    rows = count_rows(table)
    with report.step(f"Sample ({rows:,} simulated stars)") as show:
        before = _settled(plan)
        _ingest(plan, table, again=again or marker.exists())

        def moved(done: int) -> None:
            show(f"{done - before:,} of {rows:,} rows are predictions or rejects")

        _wait(plan, before + rows, moved, tick)
        marker.write_text(json.dumps({"sha256": digest, "rows": rows}), encoding="utf-8")


def count_rows(table: Path) -> int:
    """Data rows of a CSV file: lines that are not empty, less the header."""
    with table.open("rb") as file:
        return max(0, sum(1 for line in file if line.strip()) - 1)


def _ingest(plan: Plan, table: Path, *, again: bool) -> None:
    log = plan.paths.log("sample")
    argv = [sys.executable, "-m", "astroscale_ingestor", "ingest", str(table), *(["--again"] if again else [])]
    process = ManagedProcess("ingest", argv, log, plan.env)
    process.start()
    try:
        code = process.wait(_INGEST_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = -9
    if code != 0:
        raise LocalError("The sample could not be streamed.", f"Its log is {log}.", tail(log, 10))


def _settled(plan: Plan) -> int:
    """Rows that have come to an end: predicted, refused by inference, or refused by the preprocessor."""
    kafka = KafkaSettings(bootstrap_servers=plan.env["ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS"])
    stages = ledger.add_up(asyncio.run(ledger.read(kafka)))
    scored = stages.get("inference", ledger.StageTotals())
    encoded = stages.get("preprocessor", ledger.StageTotals())
    return scored.rows_out + scored.rows_rejected + encoded.rows_rejected


def _wait(plan: Plan, goal: int, show: Callable[[int], None], tick: Callable[[], None]) -> None:
    done, since = -1, time.monotonic()
    while done < goal:
        tick()
        now = _settled(plan)
        if now != done:
            done, since = now, time.monotonic()
            show(done)
        elif time.monotonic() - since > _NO_PROGRESS_S:
            raise LocalError(
                f"{goal - done:,} rows of the sample have not arrived, and nothing has moved for {_NO_PROGRESS_S:.0f} s.",
                "`astroscale status` shows where they are; the logs are in the state folder's logs/.",
            )
        else:
            time.sleep(0.2)
