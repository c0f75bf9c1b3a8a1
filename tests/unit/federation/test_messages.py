"""What goes over the wire, its hash, and who is there."""

import numpy as np
import pytest
from astroscale_federation import messages, wire
from astroscale_federation.messages import CoordinatorStarted, CreateFederation, RoundOpened
from astroscale_federation.roster import Roster
from astroscale_shared.runtime.errors import AstroScaleError

from tests.unit.federation.builders import NOW, federation, notice


def test_a_command_is_read_from_its_json() -> None:
    text = '{"type":"federation.create","federation":"a-1","created_at":"2026-01-01T00:00:00Z","new_field":1}'
    assert messages.read(messages.COMMANDS, text) == CreateFederation(federation="a-1", created_at=NOW)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", "document"),
        (b"\xff", "document"),
        (b'{"federation":"../a","created_at":"2026-01-01T00:00:00Z"}', "federation"),
        (b'{"federation":"a","created_at":"2026-01-01T00:00:00Z","plan":{"rounds":0}}', "plan.rounds"),
    ],
)
def test_a_bad_message_names_its_field(text: bytes, field: str) -> None:
    with pytest.raises(AstroScaleError, match=f"^{field}: ") as raised:
        messages.read(messages.COMMANDS, text)
    assert raised.value.code == "unreadable"


def test_the_type_tells_the_rounds_messages_apart() -> None:
    started = CoordinatorStarted(instance="x", started_at=NOW)
    assert messages.read(messages.ROUNDS, started.model_dump_json()) == started
    of = federation(min_workers=1)
    while of.advance(NOW, {"a": notice("a")}):
        pass
    opened = of.opening()
    assert isinstance(opened, RoundOpened)
    assert messages.read(messages.ROUNDS, opened.model_dump_json()) == opened


def test_tensors_come_back_with_their_message() -> None:
    tensors = {"b": np.arange(6, dtype=np.float64).reshape(2, 3), "a": np.array([1], dtype=np.int64)}
    text, found = wire.unpack(wire.pack('{"x":1}', tensors))
    assert text == '{"x":1}'
    assert wire.digest(found) == wire.digest(tensors)
    assert wire.unpack(wire.pack("{}", {})) == ("{}", {})


def test_the_hash_sees_values_names_types_and_shapes() -> None:
    base = {"a": np.zeros(4)}
    others = [{"b": np.zeros(4)}, {"a": np.zeros((2, 2))}, {"a": np.zeros(8, np.float32)}, {"a": np.full(4, 1e-300)}]
    assert len({wire.digest(one) for one in [base, *others]}) == 5


@pytest.mark.parametrize("data", [b"", b"abc", b"{}", b"\x08" + b"\0" * 7 + b"{}      ", b"\xff" * 40])
def test_what_is_no_record_of_tensors_is_refused(data: bytes) -> None:
    with pytest.raises(AstroScaleError) as raised:
        wire.unpack(data)
    assert raised.value.code == "unreadable"


def test_a_truncated_record_is_refused() -> None:
    data = wire.pack("{}", {"a": np.zeros(100)})
    with pytest.raises(AstroScaleError):
        wire.unpack(data[:-1])


def test_a_worker_is_there_while_it_is_heard() -> None:
    roster = Roster(timeout_s=10)
    assert roster.hear(notice("a"), now=0)
    assert not roster.hear(notice("a", kind="worker.heartbeat"), now=5)
    assert set(roster.live(15)) == {"a"}
    assert not roster.live(15.1)


def test_a_worker_that_missed_a_deadline_must_be_heard_again() -> None:
    roster = Roster(timeout_s=10)
    roster.hear(notice("a"), now=0)
    roster.miss({"a"})
    assert not roster.live(1)
    roster.hear(notice("a", kind="worker.heartbeat"), now=2)
    assert roster.live(2)


def test_only_the_present_life_of_a_worker_can_leave() -> None:
    roster = Roster(timeout_s=10)
    roster.hear(notice("a", session="one"), now=0)
    assert roster.hear(notice("a", session="two"), now=1)
    roster.hear(notice("a", session="one", kind="worker.left"), now=2)
    assert roster.live(2)
    roster.hear(notice("a", session="two", kind="worker.left"), now=2)
    assert not roster.live(2)
