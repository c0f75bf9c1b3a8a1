"""One federation's life: which round is open, whose answers count, when it closes, when it is over.

Time and the workers that are there come in as arguments; what must be published comes out. The state after every
change of round is one record: a coordinator that died goes on from it and from the updates that follow it in the log.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from numpy.typing import NDArray

from astroscale_federation.domain import rounds, updates
from astroscale_federation.domain.updates import Answer, Refused, Tensors
from astroscale_federation.messages import (
    Exclusion,
    FederationState,
    Participant,
    RoundClosed,
    RoundOpened,
    Update,
    WorkerNotice,
)
from astroscale_federation.wire import digest

MAX_ATTEMPTS: Final = 3
MAX_EXCLUSIONS: Final = 100
"""A record names so many; a flood of bad updates must not make it larger than a message may be."""

_SETTLED: Final = frozenset({"not_finite", "wrong_shape", "negative_count"})
"""Refusals after which no other answer of that worker is waited for; a valid one still counts if it comes."""


class Federation:
    """A federation between two publications of its state."""

    def __init__(self, state: FederationState, tensors: dict[str, NDArray[Any]]) -> None:
        self.state = state
        self.tensors = tensors
        self.answers: dict[str, Answer] = {}
        self.excluded: list[Exclusion] = []
        self.missed: set[str] = set()
        """Workers that let a deadline pass, for the caller to take note of and clear."""
        self._settled: set[str] = set()
        self._next: dict[int, int] = dict(state.updates_from)

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self.state.status in ("finished", "failed")

    @property
    def to_publish(self) -> bool:
        """Whether the model is ready and not published yet."""
        return self.state.status == "running" and self.state.calibrated

    @property
    def collecting(self) -> bool:
        """Whether answers to the present round are taken: while it is open, and while it waits to be opened again."""
        return not self.over and not self.state.calibrated and self.state.attempt > 0

    def seen(self, partition: int, offset: int) -> bool:
        """Whether the update at this position was handled; if not, from now on it was."""
        if offset < self._next.get(partition, 0):
            return True
        self._next[partition] = offset + 1
        return False

    def take(self, update: Update, tensors: Tensors, sha256: str, partition: int, offset: int) -> Refused | None:
        """Accept an answer, or say why not. The first valid one of a worker counts."""
        refused = self._judge(update, tensors)
        if refused is not None:
            self.exclude(update.worker, refused)
            if refused.reason in _SETTLED:
                self._settled.add(update.worker)
            return refused
        participant = Participant(
            worker=update.worker, rows=update.rows, sha256=sha256, partition=partition, offset=offset
        )
        self.answers[update.worker] = Answer(participant, tensors)
        return None

    def _judge(self, update: Update, tensors: Tensors) -> Refused | None:
        state = self.state
        if not self.collecting or update.round != state.round or update.phase != state.phase:
            return Refused(
                "wrong_round", f"round {update.round} ({update.phase}), here is {state.round} ({state.phase})"
            )
        if update.base_hash != state.base_hash:
            return Refused("wrong_base", f"from base model {update.base_hash[:12]}, here is {state.base_hash[:12]}")
        if update.worker not in state.selected:
            return Refused("not_selected")
        if update.worker in self.answers:
            return Refused("duplicate")
        return updates.check(update, tensors)

    def exclude(self, worker: str, refused: Refused) -> None:
        """Keep a refusal for the round's record."""
        if self.collecting and len(self.excluded) < MAX_EXCLUSIONS:
            self.excluded.append(Exclusion(worker=worker, reason=refused.reason, detail=refused.detail[:200]))

    def left(self, worker: str) -> None:
        """A worker said that it goes: it is not waited for."""
        if self.state.status == "running" and worker in self.state.selected and worker not in self.answers:
            self.exclude(worker, Refused("left"))
            self._settled.add(worker)

    def waits_for(self, worker: str) -> bool:
        """Whether the open round has no answer of this worker yet."""
        return self.opening() is not None and worker in self.state.selected and worker not in self.answers

    # What time brings

    def advance(self, now: datetime, live: Mapping[str, WorkerNotice], *, patient: bool = False) -> bool:
        """Take the next step, if there is one; whether the state changed and must be published.

        `patient`: no time limit ends anything yet (the caller has just begun and could not hear the workers).
        """
        state = self.state
        if self.over or state.calibrated:
            return False
        if state.status == "created":
            self._set(now, status="waiting", waiting_since=now)
            return True
        if state.status == "waiting":
            return self._wait(now, live, patient)
        return self._run(now, patient)

    def _wait(self, now: datetime, live: Mapping[str, WorkerNotice], patient: bool) -> bool:
        state = self.state
        able = live.keys() | self.answers.keys()
        if len(able) >= state.plan.min_workers:
            self._open(now, tuple(sorted(able)))
            self._set(archives={**state.archives, **live})
            return True
        began = state.waiting_since or now
        if not patient and now >= began + timedelta(seconds=state.plan.wait_s):
            self.fail(now, f"too few workers: {len(able)} of {state.plan.min_workers} after {state.plan.wait_s:g} s")
            return True
        return False

    def _run(self, now: datetime, patient: bool) -> bool:
        state = self.state
        missing = set(state.selected) - self.answers.keys() - self._settled
        expired = not patient and state.deadline_at is not None and now >= state.deadline_at
        if missing and not expired:
            return False
        self.missed |= missing
        if len(self.answers) >= state.plan.min_workers:
            self._close(now)
        elif state.attempt >= MAX_ATTEMPTS:
            self.fail(
                now,
                f"round {state.round} got {len(self.answers)} of {state.plan.min_workers} answers"
                f" in {state.attempt} attempts: {self._reasons()}",
            )
        else:
            self._set(now, status="waiting", waiting_since=now)
        return True

    def _reasons(self) -> str:
        found = dict.fromkeys(set(self.state.selected) - self.answers.keys(), "no_answer")
        found |= {one.worker: one.reason for one in self.excluded if one.worker not in self.answers}
        return ", ".join(f"{worker} {reason}" for worker, reason in sorted(found.items()))

    def _open(self, now: datetime, selected: tuple[str, ...]) -> None:
        state = self.state
        again = state.attempt > 0
        # An answer given once stays, also when its round is opened again; so does the position they are read from.
        self._settled.clear()
        self._set(
            now,
            status="running",
            attempt=state.attempt + 1,
            selected=selected,
            base_hash=digest(self.tensors),
            opened_at=state.opened_at if again else now,
            deadline_at=now + timedelta(seconds=state.plan.deadline_s),
            waiting_since=None,
            updates_from=state.updates_from if again else dict(self._next),
        )

    def _close(self, now: datetime) -> None:
        state = self.state
        known = {one.worker for one in self.excluded} | self.answers.keys()
        self.excluded += [
            Exclusion(worker=worker, reason="no_answer", detail="none before the deadline")
            for worker in state.selected
            if worker not in known
        ]
        try:
            outcome = rounds.close(state.phase, state.plan, self.tensors, self.answers)
        except rounds.NotEnoughStarsError as error:
            self.fail(now, f"too few stars: {error}")
            return
        self.tensors = outcome.tensors
        opened = state.opened_at or now
        participants = tuple(self.answers[name].participant for name in sorted(self.answers))
        record = RoundClosed(
            federation=state.federation,
            round=state.round,
            phase=state.phase,
            attempts=state.attempt,
            participants=participants,
            excluded=tuple(self.excluded),
            rows=sum(one.rows for one in participants),
            base_hash=state.base_hash,
            output_hash=digest(outcome.tensors),
            opened_at=opened,
            closed_at=now,
            seconds=(now - opened).total_seconds(),
            r2=outcome.figures.get("r2"),
            rmse_kms=outcome.figures.get("rmse_kms"),
        )
        # What was handled is done with: a restart must not judge it again.
        self._set(now, last_round=record, figures=outcome.figures, updates_from=dict(self._next))
        self.answers, self.excluded = {}, []
        if state.phase == "calibrate":
            self._set(calibrated=True, selected=(), deadline_at=None)
            return
        self._set(
            status="waiting",
            waiting_since=now,
            round=state.round + 1,
            phase="train" if state.round < state.plan.rounds else "calibrate",
            attempt=0,
            selected=(),
            deadline_at=None,
        )

    def finish(self, now: datetime, model: str) -> None:
        """The model is published at this address of the registry."""
        self._set(now, status="finished", model=model)

    def fail(self, now: datetime, reason: str) -> None:
        """It is over, for this reason."""
        self._set(now, status="failed", reason=reason, selected=(), deadline_at=None, updates_from=dict(self._next))

    def _set(self, now: datetime | None = None, **fields: Any) -> None:
        if now is not None:
            fields["updated_at"] = now
        self.state = self.state.model_copy(update=fields)

    def opening(self) -> RoundOpened | None:
        """The message that opens the present round, where one is open."""
        state = self.state
        if state.status != "running" or state.calibrated or state.deadline_at is None:
            return None
        return RoundOpened(
            federation=state.federation,
            round=state.round,
            phase=state.phase,
            attempt=state.attempt,
            selected=state.selected,
            base_hash=state.base_hash,
            deadline_at=state.deadline_at,
            plan=state.plan,
        )
