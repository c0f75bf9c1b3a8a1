"""Ingest on the real broker: killed and started again, every row is there once; a file is taken once."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from astroscale_ingestor import progress as runs
from astroscale_ingestor import reading
from astroscale_ingestor.ingest import ingest, plan
from astroscale_ingestor.progress import Progress
from astroscale_shared.messaging import clients, headers, raw, topics
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings
from pyarrow import parquet

from tests.support import ingesting
from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import running_service

CHUNK = 100  # eight chunks make a transaction


@pytest.fixture(scope="module")
def settings(kafka: RunningKafka) -> KafkaSettings:
    found = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(found)))
    return found


def table(path: Path, rows: int, *, bad: Sequence[int] = (), broken: Sequence[int] = ()) -> Path:
    """A CSV table; row i's source_id is its name and number. `bad` rows have a cell, `broken` ones a line, that is wrong."""
    lines = ["source_id,ra,dec,teff"]
    for i in range(rows):
        line = f"{path.stem}-{i},{i % 360},{i % 90},{'hot' if i in bad else 5000}"
        lines.append(f"{line},too,many" if i in broken else line)
    path.write_text("\n".join(lines) + "\n")
    return path


RUN_ID = re.compile("[0-9a-f]{16}")


async def published(settings: KafkaSettings, run_id: str | None = None) -> Counter[str]:
    """How often each source_id of a run is on the raw topic, seen by a reader of committed records."""
    found: Counter[str] = Counter()
    for record in await clients.read_to_end(settings, topics.RAW):
        said = headers.read(record.headers)
        # Other tests leave messages with run ids of their own making on the topic.
        if run_id not in (None, said.get("run-id")) or not RUN_ID.fullmatch(said.get("run-id", "")):
            continue
        if said["content-type"] == "text/csv":
            found[record.value.decode().split(",")[0]] += 1
            continue
        found.update(raw.parse(record.value, said).stars.source_id.tolist())
    return found


def names(path: Path, rows: int) -> dict[str, int]:
    return {f"{path.stem}-{i}": 1 for i in range(rows)}


async def killed_after(settings: KafkaSettings, path: Path, rows: int) -> int:
    """Ingests in a process that is killed with SIGKILL once it has committed `rows`; what it said last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ingesting.PROGRAM,
        settings.bootstrap_servers,
        str(path),
        str(CHUNK),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    said = 0
    while said < rows:
        line = await process.stdout.readline()
        assert line, "the ingest ended before it could be killed"
        said = int(line)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    return said


async def test_killed_twice_and_started_again_every_row_is_there_once(settings: KafkaSettings, tmp_path: Path) -> None:
    rows = 30_000
    path = table(tmp_path / "killed.csv", rows, bad=[7, 15_000, 29_999], broken=[8, 20_001])
    for stop_at in (5_000, 15_000):
        assert await killed_after(settings, path, stop_at) < rows
    state = await ingest(settings, plan(path), chunk_rows=CHUNK)
    assert (state.finished, state.rows) == (True, rows)
    assert await published(settings, state.run_id) == names(path, rows)


async def test_a_file_whose_content_changed_in_the_middle_of_its_run_is_refused(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    path = table(tmp_path / "changed.csv", 10_000)
    stat = path.stat()
    await killed_after(settings, path, 2_000)
    path.write_text(path.read_text().replace("changed-1,", "altered-1,", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(AstroScaleError, match="--again") as error:
        await ingest(settings, plan(path), chunk_rows=CHUNK)
    assert error.value.code == "file_changed"
    state = await ingest(settings, plan(path), chunk_rows=CHUNK, again=True)
    assert (state.attempt, state.rows) == (1, 10_000)


async def test_a_file_that_grew_in_the_middle_of_its_run_is_refused_and_published_whole_when_told(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    path = table(tmp_path / "grew.csv", 10_000)
    await killed_after(settings, path, 2_000)
    begun = await open_run(settings, path)
    with path.open("a") as file:
        file.write("grew-10000,1,2,5000\n")
    with pytest.raises(AstroScaleError, match="bytes and had") as error:
        await ingest(settings, plan(path), chunk_rows=CHUNK)
    assert error.value.code == "file_changed"
    assert "--again" in error.value.message
    assert await open_run(settings, path) == begun, "nothing was published"
    state = await ingest(settings, plan(path), chunk_rows=CHUNK, again=True)
    assert state.run_id != begun.run_id
    assert await published(settings, state.run_id) == names(path, 10_001)


async def test_a_finished_file_that_is_touched_is_known_and_one_that_changed_needs_again(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    path = table(tmp_path / "touched.csv", 500)
    first = await ingest(settings, plan(path), chunk_rows=CHUNK)
    os.utime(path, ns=(0, first.mtime_ns + 5_000_000_000))
    with pytest.raises(AstroScaleError) as error:
        await ingest(settings, plan(path), chunk_rows=CHUNK)
    assert error.value.code == "already_ingested"

    path.write_text(path.read_text().replace("touched-1,", "altered-1,", 1))
    with pytest.raises(AstroScaleError, match=r"has changed since .* --again") as error:
        await ingest(settings, plan(path), chunk_rows=CHUNK)
    assert error.value.code == "file_changed"
    again = await ingest(settings, plan(path), chunk_rows=CHUNK, again=True)
    assert (again.attempt, again.rows) == (1, 500)


async def test_a_file_that_is_written_while_it_is_read_stops_its_run(settings: KafkaSettings, tmp_path: Path) -> None:
    path = table(tmp_path / "growing.csv", 20_000)

    def write_on(_: Progress) -> None:
        with path.open("a") as file:
            file.write("growing-0,1,2,5000\n")

    with pytest.raises(AstroScaleError) as error:
        await ingest(settings, plan(path), chunk_rows=CHUNK, on_progress=write_on)
    assert error.value.code == "file_changed"
    assert (await open_run(settings, path)).rows < 20_000


async def test_a_run_goes_on_where_it_was_when_its_transactions_and_chunks_are_cut_otherwise(
    settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "recut.csv", 10_000, bad=[3])
    await killed_after(settings, path, 2_000)
    begun = await open_run(settings, path)
    monkeypatch.setattr(reading, "CHUNKS_A_TRANSACTION", 3)
    state = await ingest(settings, plan(path), chunk_rows=7 * CHUNK)
    assert (state.run_id, state.chunk_rows) == (begun.run_id, CHUNK)
    assert await published(settings, state.run_id) == names(path, 10_000)


async def open_run(settings: KafkaSettings, path: Path) -> Progress:
    return next(run for run in (await runs.read(settings)).values() if run.file == path.name and not run.finished)


async def test_two_at_once_publish_each_row_once(settings: KafkaSettings, tmp_path: Path, tidied: None) -> None:
    path = table(tmp_path / "both.csv", 10_000)
    ends = await asyncio.gather(
        *(ingest(settings, plan(path), chunk_rows=CHUNK) for _ in range(2)), return_exceptions=True
    )
    finished = [end for end in ends if isinstance(end, Progress)]
    refused = [end.code for end in ends if isinstance(end, AstroScaleError)]
    assert len(finished) + len(refused) == 2, ends
    assert finished
    assert set(refused) <= {"run_elsewhere", "already_ingested"}
    assert await published(settings, finished[0].run_id) == names(path, 10_000)


def command(settings: KafkaSettings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "astroscale_ingestor", "ingest", *arguments],
        env={**os.environ, "ASTROSCALE_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_publishes_once_says_so_and_repeats_only_when_told(settings: KafkaSettings, tmp_path: Path) -> None:
    path = table(tmp_path / "command.csv", 500)
    first = command(settings, str(path), "--json")
    assert first.returncode == 0, first.stderr
    run = json.loads(first.stdout)
    assert (run["rows"], run["finished"], run["file"]) == (500, True, "command.csv")

    second = command(settings, str(path))
    assert second.returncode == 1
    assert "--again" in second.stderr
    assert run["run_id"] in second.stderr

    again = command(settings, str(path), "--again", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["run_id"] != run["run_id"]
    found = asyncio.run(published(settings))
    assert {name: found[name] for name in names(path, 500)} == dict.fromkeys(names(path, 500), 2)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "there is no file"),
        ("empty.csv", b"", "not a CSV table"),
        ("table.fits", b"SIMPLE", "allowed are"),
        ("cut.parquet", b"PAR1", "not a Parquet file"),
        ("other.csv", b"a,b\n1,2\n", "no column for dec and ra"),
    ],
)
def test_the_command_says_in_a_sentence_what_is_wrong_with_a_file(
    settings: KafkaSettings, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = command(settings, str(tmp_path / name))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_parquet_and_a_mapping_come_through(settings: KafkaSettings, tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    ids = [f"typed-{i}" for i in range(1_000)]
    columns = {"RAJ2000": [float(i % 360) for i in range(1_000)], "DE": [0] * 1_000, "id": ids}
    parquet.write_table(pa.table(columns), path, row_group_size=300)
    state = await ingest(settings, plan(path, {"ra": "RAJ2000", "dec": "DE", "source_id": "id"}), chunk_rows=CHUNK)
    assert state.rows == 1_000
    assert await published(settings, state.run_id) == dict.fromkeys(ids, 1)


async def test_a_dropped_file_is_taken_once_when_whole_also_after_a_kill(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    options = {"INGESTOR__WATCH_DIR": folder, "INGESTOR__POLL_SECONDS": 0.05, "INGESTOR__SETTLE_SECONDS": 0.5}

    async def taken(name: str) -> bool:
        return any(run.file == name and run.finished for run in (await runs.read(settings)).values())

    with running_service("ingestor", settings, tmp_path, **options) as service:
        whole = table(tmp_path / "dropped.csv", 3_000).read_bytes()
        with (folder / "dropped.csv").open("wb") as file:  # someone copies it slowly
            for start in range(0, len(whole), len(whole) // 4):
                file.write(whole[start : start + len(whole) // 4])
                file.flush()
                await asyncio.sleep(0.1)
        (folder / "notes.txt").write_text("no table")
        (folder / "bad.csv").write_bytes(b"a,b\n1,2\n")
        await until(lambda: taken("dropped.csv"), "the file taken")
        await until(
            lambda: service.metric('astroscale_ingestor_files_total{outcome="failed"}') == 1, "the bad file said"
        )
        service.restart()
        table(folder / "second.csv", 200)  # once this one is taken, the folder was looked at again
        await until(lambda: taken("second.csv"), "the second file taken")
        assert service.metric('astroscale_ingestor_files_total{outcome="ingested"}') == 1
        assert "missing_column" in service.log()
    found = await published(settings)
    assert {name: found[name] for name in names(folder / "dropped.csv", 3_000)} == names(folder / "dropped.csv", 3_000)
    assert {name: found[name] for name in names(folder / "second.csv", 200)} == names(folder / "second.csv", 200)
