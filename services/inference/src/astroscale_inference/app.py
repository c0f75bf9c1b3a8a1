"""Composition root of inference: all wiring, and nothing else."""

import asyncio
import contextlib

from astroscale_shared.messaging import topics
from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.messaging.transactions import TransactionsLoop
from astroscale_shared.registry import open_registry
from astroscale_shared.runtime import shutdown
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.health import HealthServer
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_inference.domain.model import Model, check_providers
from astroscale_inference.handlers import Score
from astroscale_inference.loading import Loader
from astroscale_inference.metrics import InferenceMetrics
from astroscale_inference.models import Slot, follow, retry
from astroscale_inference.replies import Replies
from astroscale_inference.requests import AnswerRequests
from astroscale_inference.settings import InferenceSettings
from astroscale_inference.shadow import Shadow

_REPLY_PARTITIONS = next(topic.partitions for topic in topics.TABLE if topic.name == topics.REPLIES)


class App:
    """Running inference: follows models, scores the stream, answers requests."""

    def __init__(self, settings: InferenceSettings, kafka: KafkaSettings, registry: RegistrySettings) -> None:
        self._kafka = kafka
        self._stop = asyncio.Event()
        self.metrics = InferenceMetrics()
        check_providers(settings.execution_providers)
        load = Loader(open_registry(registry), threads=settings.threads, providers=settings.execution_providers)
        self.models = Slot(settings.slot, load, self.metrics.served)
        self.candidates: Slot | None = None
        self.shadow: Shadow | None = None
        if settings.has_shadow:
            self.candidates = Slot(settings.shadow_slot, load, self.metrics.candidate, keeps=False)
            self.shadow = Shadow(self.candidates, self.metrics.shadow)
        self.stream: TransactionsLoop | None = None
        if settings.score_stream:
            self.stream = TransactionsLoop(
                kafka,
                topic=topics.ENCODED,
                group=topics.SCORING_GROUP,
                process=Score(self.metrics, self._model, shadow=self.shadow and self.shadow.submit),
                workers=1,
                max_records=settings.max_messages,
                max_weight=settings.max_bytes,
                instance_id=settings.instance_id,
                producer_options={"max_request_size": topics.DLQ_MAX_BYTES},
            )
        self.replies: Replies | None = None
        if settings.answer_requests:
            answer = AnswerRequests(
                self._model,
                slot=settings.slot,
                max_rows=settings.max_rows_a_request,
                reply_partitions=_REPLY_PARTITIONS,
            )
            self.replies = Replies(kafka, answer, self.metrics)
        self.health = HealthServer(settings.host, settings.metrics_port, self.metrics, self.unready, self.notes)

    def unready(self) -> list[str]:
        """Why inference is not ready; empty when it is."""
        reasons = self.models.unready()
        if self.stream is not None:
            reasons += self.stream.unready()
        if self.replies is not None:
            reasons += self.replies.unready()
        return reasons

    def notes(self) -> list[str]:
        """What an operator should know although inference is ready: a slot that points at something not served."""
        return [note for slot in self._slots() for note in slot.notes()]

    def _slots(self) -> list[Slot]:
        return [self.models] if self.candidates is None else [self.models, self.candidates]

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; raises what ended it otherwise."""
        shutdown.on_signal(self._stop.set)
        await self.health.start()
        await wait_for_broker(self._kafka)
        following = asyncio.create_task(follow(self._kafka, self._slots()), name="models")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        retrying = asyncio.create_task(retry(self._slots()), name="retries")
        tasks: set[asyncio.Task[object]] = {following, retrying, stopping}
        try:
            # No batch and no request is taken before there is a model to score it with.
            while self.models.unready() and not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in tasks):
                lag = self.metrics.lag.report
                # Side by side: after a kill, each group waits for the dead member's session to end.
                if self.replies is not None:
                    tasks |= {
                        asyncio.create_task(self.replies.run(), name="replies"),
                        asyncio.create_task(lag(topics.REQUESTS_GROUP, self.replies.lag), name="lag of requests"),
                    }
                if self.stream is not None:
                    tasks |= {
                        asyncio.create_task(self.stream.run(), name="stream"),
                        asyncio.create_task(lag(topics.SCORING_GROUP, self.stream.lag), name="lag of the stream"),
                    }
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await self._close(tasks)

    async def _close(self, tasks: set[asyncio.Task[object]]) -> None:
        for task in tasks:
            if task.get_name() == "stream" and self.stream is not None:
                self.stream.stop()
            elif task.get_name() == "replies" and self.replies is not None:
                self.replies.stop(task)
            else:
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.shadow is not None:
            self.shadow.stop()
        await self.health.stop()

    def _model(self) -> Model:
        model = self.models.current
        if model is None:
            raise AstroScaleError("no_model", "no model is in service yet; try again", retryable=True)
        return model


def build_app(settings: InferenceSettings, kafka: KafkaSettings, registry: RegistrySettings) -> App:
    """Everything wired; call inside a running event loop."""
    return App(settings, kafka, registry)
