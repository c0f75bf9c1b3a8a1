"""A federation's life, with time and workers given."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from astroscale_federation import wire
from astroscale_federation.domain.federation import MAX_ATTEMPTS, Federation
from astroscale_federation.domain.local import LocalStars
from astroscale_federation.messages import STATES, read
from astroscale_shared.stars.observations import from_columns

from tests.unit.federation.builders import NOW, answer, federation, notice, stars, update

LOCAL = {name: LocalStars(stars(400 + 100 * number, number)) for number, name in enumerate(("a", "b", "c", "d"))}


def start(of: Federation, *workers: str) -> None:
    while of.advance(NOW, {name: notice(name) for name in workers}):
        pass


def give(of: Federation, name: str, offset: int, **changes: Any) -> Any:
    found = update(of, name, LOCAL[name]).model_copy(update=changes)
    return of.take(found, answer(of, name, LOCAL[name]), "0" * 64, 0, offset)


def play(of: Federation, workers: tuple[str, ...]) -> list[str]:
    """All rounds, with answers in this order; the output hash of each."""
    start(of, *workers)
    hashes: list[str] = []
    for _ in range(of.state.plan.rounds + 2):
        for worker in workers:
            assert give(of, worker, 0) is None
        start(of, *workers)
        assert of.state.last_round is not None
        hashes.append(of.state.last_round.output_hash)
    return hashes


def test_every_order_of_arrival_gives_the_same_model_to_the_last_bit() -> None:
    found = {tuple(play(federation(rounds=2), order)) for order in permutations(LOCAL)}
    assert len(found) == 1


def test_rounds_approach_the_ridge_of_the_pooled_stars() -> None:
    of = federation(rounds=6)
    play(of, tuple(LOCAL))
    assert of.to_publish
    federated = of.state.figures["r2"]
    pooled = federation(rounds=30, min_workers=1)
    LOCAL["pooled"] = LocalStars(_concatenate())
    try:
        play(pooled, ("pooled",))
    finally:
        del LOCAL["pooled"]
    assert federated == pytest.approx(pooled.state.figures["r2"], abs=0.01)
    assert federated > 0.3


def _concatenate() -> Any:
    parts = [stars(400 + 100 * number, number) for number in range(4)]
    return from_columns({name: np.concatenate([one.numeric[name] for one in parts]) for name in parts[0].numeric})


def test_a_round_waits_for_all_and_ends_at_its_deadline_with_those_that_answered() -> None:
    of = federation(deadline_s=10, min_workers=1)
    start(of, "a", "b")
    give(of, "a", 0)
    assert not of.advance(NOW + timedelta(seconds=9), {})
    assert of.advance(NOW + timedelta(seconds=10), {"a": notice("a")})
    record = of.state.last_round
    assert record is not None
    assert [one.worker for one in record.participants] == ["a"]
    assert [(one.worker, one.reason) for one in record.excluded] == [("b", "no_answer")]
    assert of.missed == {"b"}


def test_too_few_workers_fail_after_the_wait() -> None:
    of = federation(min_workers=3, wait_s=5)
    start(of, "a", "b")
    assert of.state.status == "waiting"
    assert not of.advance(NOW + timedelta(seconds=60), {"a": notice("a")}, patient=True)
    assert of.advance(NOW + timedelta(seconds=5), {"a": notice("a")})
    assert (of.state.status, of.state.reason) == ("failed", "too few workers: 1 of 3 after 5 s")


def test_a_round_that_is_void_again_and_again_fails() -> None:
    of = federation(min_workers=2, deadline_s=1)
    live = {"a": notice("a"), "b": notice("b")}
    time = NOW
    for _ in range(10 * MAX_ATTEMPTS):
        of.advance(time, live)
        time += timedelta(seconds=1)
    assert of.state.status == "failed"
    assert "a no_answer, b no_answer" in of.state.reason


def test_an_answer_given_once_stays_when_its_round_is_opened_again() -> None:
    of = federation(min_workers=2, deadline_s=1)
    start(of, "a", "b")
    give(of, "a", 0)
    of.advance(NOW + timedelta(seconds=1), {})
    assert of.state.status == "waiting"
    of.advance(NOW + timedelta(seconds=2), {"c": notice("c")})
    assert (of.state.attempt, of.state.selected) == (2, ("a", "c"))
    give(of, "c", 1)
    of.advance(NOW + timedelta(seconds=2), {})
    assert of.state.round == 1


def test_a_worker_that_leaves_is_not_waited_for() -> None:
    of = federation(min_workers=1)
    start(of, "a", "b")
    give(of, "a", 0)
    of.left("b")
    start(of, "a")
    assert of.state.round == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"round": 3}, "wrong_round"),
        ({"phase": "train"}, "wrong_round"),
        ({"base_hash": "f" * 64}, "wrong_base"),
        ({"worker": "stranger"}, "not_selected"),
    ],
)
def test_what_does_not_fit_is_refused_and_recorded(changes: dict[str, Any], reason: str) -> None:
    of = federation()
    start(of, "a", "b")
    refused = give(of, "a", 0, **changes)
    assert refused.reason == reason
    assert of.excluded[-1].reason == reason
    assert not of.answers


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda t: t | {"sums": t["sums"] * np.nan}, "not_finite"),
        (lambda t: t | {"sums": t["sums"][:-1]}, "wrong_shape"),
        (lambda t: t | {"sums": t["sums"].astype(np.float32)}, "wrong_shape"),
        (lambda t: {"sums": t["sums"]}, "wrong_shape"),
        (lambda t: t | {"star": t["sums"]}, "wrong_shape"),
    ],
)
def test_bad_tensors_are_refused_and_nobody_waits_for_better_ones(damage: Any, reason: str) -> None:
    of = federation(min_workers=1)
    start(of, "a", "b")
    refused = of.take(update(of, "a", LOCAL["a"]), damage(answer(of, "a", LOCAL["a"])), "0" * 64, 0, 0)
    assert refused is not None
    assert refused.reason == reason
    give(of, "b", 1)
    start(of, "a", "b")
    assert of.state.last_round is not None
    assert [(one.worker, one.reason) for one in of.state.last_round.excluded] == [("a", reason)]


def test_the_first_valid_answer_counts() -> None:
    of = federation()
    start(of, "a", "b")
    assert give(of, "a", 5) is None
    assert give(of, "a", 6).reason == "duplicate"
    assert of.answers["a"].participant.offset == 5


def test_a_restart_goes_on_from_the_state_and_the_log() -> None:
    undisturbed, dying = federation(rounds=2), federation(rounds=2)
    hashes = play(undisturbed, ("a", "b"))
    start(dying, "a", "b")
    for offset, worker in enumerate(("a", "b")):
        assert not dying.seen(1, offset)
        give(dying, worker, offset)
    start(dying, "a", "b")
    record = wire.pack(dying.state.model_dump_json(), dying.tensors)  # what the state topic holds when it dies

    text, tensors = wire.unpack(record)
    revived = Federation(read(STATES, text), tensors)
    assert revived.seen(1, 0)
    assert revived.seen(1, 1)
    assert not revived.seen(1, 2)
    assert revived.opening() == dying.opening()
    for _ in range(3):
        give(revived, "b", 0)
        give(revived, "a", 0)
        start(revived, "a", "b")
    assert revived.state.last_round is not None
    assert revived.state.last_round.output_hash == hashes[-1]


def test_too_few_stars_for_an_interval_fail() -> None:
    of = federation(rounds=1, min_workers=1)
    LOCAL["small"] = LocalStars(stars(60, 9))
    try:
        start(of, "small")
        for _ in range(3):
            give(of, "small", 0)
            start(of, "small")
    finally:
        del LOCAL["small"]
    assert of.state.status == "failed"
    assert "too few stars" in of.state.reason
