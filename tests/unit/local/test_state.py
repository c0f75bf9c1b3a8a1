import sys
from pathlib import Path

from astroscale_local import state
from astroscale_local.process import ManagedProcess
from astroscale_local.state import Entry, State


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = State(state.myself(), "ready", "http://x", [Entry("kafka", 1, 2.0, "u")], {"A": "b"})
    saved.save(tmp_path / "run" / "state.json")

    assert state.load(tmp_path / "run" / "state.json") == saved


def test_a_missing_or_broken_file_is_no_state(tmp_path: Path) -> None:
    broken = tmp_path / "state.json"
    broken.write_text('{"supervisor": ')

    assert state.load(broken) is None
    assert state.load(tmp_path / "none.json") is None


def test_leftovers_are_stopped_and_strangers_are_left_alone(tmp_path: Path) -> None:
    ours = ManagedProcess("ours", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    stranger = ManagedProcess("stranger", ours.argv, tmp_path / "log")
    ours.start()
    stranger.start()
    try:
        left = State(
            Entry("supervisor", 2**22 - 1, 1.0),
            processes=[
                Entry("ours", ours.pid, ours.started),
                Entry("reused", stranger.pid, stranger.started - 1000),  # the pid of a process that is long gone
            ],
        )

        assert state.clean_leftovers(left) == ["ours"]

        assert not ours.running
        assert stranger.running
    finally:
        ours.kill()
        stranger.kill()
