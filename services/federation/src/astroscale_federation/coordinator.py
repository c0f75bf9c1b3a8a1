"""The coordinator: takes what comes from the topics, lets the federations advance, writes what follows.

Its state is on its topics. A change of round is one record of the state topic; only then is it told on the rounds
topic. A restarted coordinator reads the states, tells the last record and the open round once more (the same content,
which workers and readers recognise), and reads the open round's updates again from the position in the state.
"""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from astroscale_shared.messaging import announcements, clients, topics
from astroscale_shared.registry import Registry
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_federation import messages, wire
from astroscale_federation.domain.federation import Federation
from astroscale_federation.domain.updates import Refused
from astroscale_federation.messages import CoordinatorStarted, CreateFederation, FederationState, Update, WorkerNotice
from astroscale_federation.metrics import CoordinatorMetrics
from astroscale_federation.publish import publish
from astroscale_federation.roster import Roster
from astroscale_federation.settings import FederationSettings
from astroscale_federation.subscriptions import TENSORS, Subscriptions

TICK_S = 0.2
UNKNOWN = "?"


class Coordinator:
    """All federations of one Kafka. Handlers and the ticker take turns by one lock."""

    def __init__(
        self,
        settings: FederationSettings,
        kafka: KafkaSettings,
        registry: Registry,
        metrics: CoordinatorMetrics,
        out: Subscriptions,
    ) -> None:
        self._kafka = kafka
        self._registry = registry
        self._metrics = metrics
        self._out = out
        self._log = logging.get("coordinator")
        self._roster = Roster(settings.worker_timeout_s)
        self._patience_s = 2 * settings.heartbeat_s
        self._patient_until = 0.0
        self._federations: dict[str, Federation] = {}
        self._lock = asyncio.Lock()
        self.instance = uuid4().hex
        self._called = False
        self._begun = False
        self.ticked = 0.0

    async def restore(self) -> None:
        """Read the states, and the updates that came while nobody listened. Call before the subscriptions start."""
        for record in await clients.read_to_end(self._kafka, topics.FEDERATION_STATE):
            text, tensors = wire.unpack(record.value)
            state = messages.read(messages.STATES, text)
            self._federations[state.federation] = Federation(state, tensors)
        if any(not one.over for one in self._federations.values()):
            for record in await clients.read_to_end(self._kafka, topics.FEDERATION_UPDATES):
                self._take(record)

    async def begin(self) -> None:
        """Say that it took over, and tell again what may not have been told. Call once the subscriptions run."""
        started = CoordinatorStarted(instance=self.instance, started_at=datetime.now(UTC))
        await self._out.publish(topics.FEDERATION_ROUNDS, started.model_dump_json(), key="coordinator")
        self._called = True
        async with self._lock:
            for one in self._federations.values():
                if not one.over:
                    self._log.info("resumed", federation=one.state.federation, round=one.state.round)
                    await self._tell(one, closed=True)
            # No deadline ends anything before the workers had the time to answer the call.
            self._patient_until = time.monotonic() + self._patience_s
            self._begun = True

    async def run(self) -> None:
        """Let time pass for the federations until cancelled."""
        while True:
            async with self._lock:
                await self._advance_all()
            self.ticked = time.monotonic()
            await self._publish_models()
            await asyncio.sleep(TICK_S)

    def superseded_by(self, instance: str) -> bool:
        """Whether the start of `instance` means that another coordinator took over after this one."""
        return self._called and instance != self.instance

    # What comes

    async def on_command(self, command: CreateFederation) -> None:
        """Create a federation; one that is there stays as it is."""
        async with self._lock:
            if command.federation in self._federations:
                return
            created = Federation(
                FederationState(
                    federation=command.federation,
                    plan=command.plan,
                    created_at=command.created_at,
                    updated_at=datetime.now(UTC),
                ),
                {},
            )
            self._federations[command.federation] = created
            self._log.info("created", federation=command.federation, plan=command.plan.model_dump())
            await self._save(created)
            await self._advance_all()

    async def on_notice(self, notice: WorkerNotice) -> None:
        """A worker came, is there or went."""
        async with self._lock:
            fresh = self._roster.hear(notice, time.monotonic())
            if fresh or notice.type == "worker.left":
                self._log.info(notice.type, worker=notice.worker, rows=notice.rows)
            for one in self._federations.values():
                if notice.type == "worker.left":
                    one.left(notice.worker)
                elif fresh and one.waits_for(notice.worker):
                    await self._tell(one, closed=False)  # a new life of a selected worker has not heard of the round
            await self._advance_all()

    async def on_update(self, record: Any) -> None:
        """An answer to a round."""
        async with self._lock:
            self._take(record)
            await self._advance_all()

    def _take(self, record: Any) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        federation = self._federations.get(key)
        if federation is None:
            self._refuse(key, UNKNOWN, Refused("unknown_federation"))
            return
        if federation.seen(record.partition, record.offset):
            return
        value: bytes = record.value or b""
        try:
            text, tensors = wire.unpack(value)
            update = messages.read(messages.UPDATES, text)
        except AstroScaleError as error:
            refused = Refused(error.code, error.message)
            federation.exclude(UNKNOWN, refused)
            self._refuse(key, UNKNOWN, refused)
            return
        if update.federation != key:
            refused = Refused("unreadable", f"key {key} of an update for {update.federation}")
            federation.exclude(update.worker, refused)
            self._refuse(key, update.worker, refused)
            return
        sha256 = hashlib.sha256(value).hexdigest()
        refused = federation.take(update, tensors, sha256, record.partition, record.offset)
        if refused is not None:
            self._refuse(key, update.worker, refused)
        elif update.phase == "train":
            self._measure(federation, update, tensors)

    def _refuse(self, federation: str, worker: str, refused: Refused) -> None:
        self._metrics.exclusions.labels(refused.reason).inc()
        self._log.warning(
            "update_refused", federation=federation, worker=worker, reason=refused.reason, detail=refused.detail
        )

    def _measure(self, federation: Federation, update: Update, tensors: wire.Tensors) -> None:
        step = tensors["weights"] - federation.tensors["weights"]
        self._metrics.update_norm.observe(float((step @ step) ** 0.5))
        self._log.debug("update_taken", federation=update.federation, round=update.round, worker=update.worker)

    # What follows

    async def _advance_all(self) -> None:
        if not self._begun:
            return  # what comes before is kept; the open round is told again first
        for one in self._federations.values():
            if not one.over:
                await self._advance(one)
        self._metrics.workers.set(len(self._live()))
        for status in ("created", "waiting", "running", "finished", "failed"):
            count = sum(one.state.status == status for one in self._federations.values())
            self._metrics.federations.labels(status).set(count)

    def _live(self) -> dict[str, WorkerNotice]:
        return self._roster.live(time.monotonic())

    async def _advance(self, one: Federation) -> None:
        before = one.state
        patient = time.monotonic() < self._patient_until
        while await asyncio.to_thread(one.advance, datetime.now(UTC), self._live(), patient=patient):
            self._roster.miss(one.missed)
            one.missed.clear()
        if one.state is before:
            return
        await self._save(one)
        closed = one.state.last_round is not before.last_round
        if closed and one.state.last_round is not None:
            self._count(one.state.last_round)
        await self._tell(one, closed=closed)

    async def _save(self, one: Federation) -> None:
        await self._out.publish(
            topics.FEDERATION_STATE,
            wire.pack(one.state.model_dump_json(), one.tensors),
            key=one.state.federation,
            content_type=TENSORS,
        )
        if one.state.status == "failed":
            self._log.error("failed", federation=one.state.federation, reason=one.state.reason)

    async def _tell(self, one: Federation, *, closed: bool) -> None:
        """Write the last round's record, and the open round with its base model."""
        key = one.state.federation
        if closed and one.state.last_round is not None:
            await self._out.publish(topics.FEDERATION_ROUNDS, one.state.last_round.model_dump_json(), key=key)
        opening = one.opening()
        if opening is not None:
            value = wire.pack(opening.model_dump_json(), one.tensors)
            await self._out.publish(topics.FEDERATION_ROUNDS, value, key=key, content_type=TENSORS)
            self._log.info("round_opened", federation=key, round=opening.round, phase=opening.phase)

    def _count(self, record: messages.RoundClosed) -> None:
        self._metrics.rounds.labels(record.phase).inc()
        self._metrics.participants.set(len(record.participants))
        self._metrics.round_duration.observe(record.seconds)
        for excluded in record.excluded:
            if excluded.reason in ("no_answer", "left"):  # refusals were counted when they came
                self._metrics.exclusions.labels(excluded.reason).inc()
        self._log.info(
            "round_closed",
            federation=record.federation,
            round=record.round,
            participants=[one.worker for one in record.participants],
            excluded={one.worker: one.reason for one in record.excluded},
            rows=record.rows,
            output_hash=record.output_hash,
            seconds=round(record.seconds, 3),
        )

    async def _publish_models(self) -> None:
        for one in [one for one in self._federations.values() if one.to_publish]:
            try:
                ref, announcement = await asyncio.to_thread(publish, self._registry, one.state, one.tensors)
                await announcements.announce(self._kafka, announcement)
            except (AstroScaleError, OSError) as error:
                one.fail(datetime.now(UTC), f"the model was not published: {error}")
            else:
                one.finish(datetime.now(UTC), ref.address)
                self._log.info("published", federation=one.state.federation, model=ref.address)
            async with self._lock:
                await self._save(one)
