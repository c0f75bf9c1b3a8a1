"""Which run goes on: known by path and mapping, refused where the file is another, old records read as they were."""

import hashlib
import os
from pathlib import Path

import pytest
from astroscale_ingestor.ingest import plan
from astroscale_ingestor.progress import Progress, first_days_id
from astroscale_ingestor.reading import Plan, Reading
from astroscale_ingestor.resume import begin, resume
from astroscale_shared.runtime.errors import AstroScaleError

CHUNK = 10


@pytest.fixture
def what(tmp_path: Path) -> Plan:
    return plan(write(tmp_path / "stars.csv", 100))


def write(path: Path, rows: int) -> Path:
    path.write_text("ra,dec\n" + "".join(f"{i},{i % 90}\n" for i in range(rows)))
    return path


def after(run: Progress, what: Plan, messages: int, **changed: object) -> Progress:
    """The run once it has published so many messages."""
    digest = Reading(what, CHUNK).skip(messages)
    return run.model_copy(update={"messages": messages, "rows": messages * CHUNK, "digest": digest, **changed})


def start(what: Plan, *known: Progress, again: bool = False) -> Progress:
    return begin(what, {run.run_id: run for run in known}, again=again, chunk_rows=CHUNK)


def code(what: Plan, *known: Progress, again: bool = False) -> str:
    with pytest.raises(AstroScaleError) as error:
        start(what, *known, again=again)
    assert "--again" in error.value.message
    return error.value.code


def touch(what: Plan) -> None:
    os.utime(what.path, ns=(0, what.path.stat().st_mtime_ns + 1_000_000))


def test_an_open_run_goes_on_also_where_again_is_said(what: Plan) -> None:
    run = after(start(what), what, 3)
    assert start(what, run) == run
    assert start(what, run, again=True) == run


def test_an_open_run_whose_file_was_only_touched_is_refused(what: Plan) -> None:
    run = after(start(what), what, 3)
    touch(what)
    assert code(what, run) == "file_changed"
    assert start(what, run, again=True).attempt == 1


def test_a_change_that_keeps_size_and_time_is_found_by_content(what: Plan) -> None:
    run = after(start(what), what, 3)
    stat = what.path.stat()
    what.path.write_text(what.path.read_text().replace("\n7,7", "\n8,7"))
    os.utime(what.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert start(what, run) == run
    with pytest.raises(AstroScaleError, match="its first 30 rows are others"):
        resume(what, run)
    assert start(what, run, again=True).attempt == 1


def test_the_last_attempt_decides(what: Plan) -> None:
    first = after(start(what), what, 10, finished=True)
    second = after(start(what, first, again=True), what, 2)
    assert second.run_id != first.run_id
    assert start(what, first, second) == second
    assert code(what, first, second.model_copy(update={"finished": True})) == "already_ingested"


def test_another_mapping_is_another_run(what: Plan) -> None:
    run = after(start(what), what, 3)
    swapped = plan(what.path, {"ra": "dec", "dec": "ra"})
    assert start(swapped, run).run_id != run.run_id


@pytest.mark.parametrize("finished", [False, True])
def test_a_record_of_the_first_days_is_continued_or_refused(what: Plan, finished: bool) -> None:
    mapping = what.mapping.text()
    old_id = first_days_id(what.path, mapping=mapping, chunk_rows=CHUNK, attempt=0)
    old = after(Progress(run_id=old_id, file="stars.csv", mapping=mapping), what, 3, finished=finished)
    if finished:
        assert code(what, old) == "already_ingested"
        assert start(what, old, again=True).attempt == 1
        return
    run = start(what, old)
    assert (run.run_id, run.messages, run.size) == (old_id, 3, what.path.stat().st_size)
    group = resume(what, run).group()
    assert group is not None
    assert group.digest == Reading(what, CHUNK).skip()
    assert len(group.messages) == 7


def test_the_digest_is_of_the_messages_alone(what: Plan) -> None:
    whole = b"".join(message.value for chunk in what.messages(CHUNK) for message in chunk)
    assert Reading(what, CHUNK).skip() == hashlib.sha256(whole).hexdigest()
    assert Reading(what, CHUNK).skip(11) is None
