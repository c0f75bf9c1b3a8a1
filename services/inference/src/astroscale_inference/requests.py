"""Wire in -> domain -> wire out for requests: answered over Kafka, many at a time, each reply by one model."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from astroscale_shared.messaging import codec, headers, raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE
from astroscale_shared.messaging.requests import CORRELATION, DEADLINE_MS, KIND, MODEL, PREDICT, REPLY_PARTITION
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations, join, validate

from astroscale_inference import predictions
from astroscale_inference.domain.model import Model, fit
from astroscale_inference.lone import LoneReplies, LoneStars


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to send. outcome: ok, error or expired (expired ones are not sent: nobody waits any more)."""

    correlation: str
    partition: int
    value: bytes
    ok: bool
    rows: int = 0
    code: str = "ok"


class AnswerRequests:
    """Callable: records of the request topic -> answers. `model` gives the model in service."""

    def __init__(self, model: Callable[[], Model], *, slot: str, max_rows: int, reply_partitions: int) -> None:
        self._model = model
        self._slot = slot
        self._max_rows = max_rows
        self._partitions = reply_partitions
        self._lone = LoneStars()
        self._lone_replies = LoneReplies()

    def __call__(self, records: Sequence[Any]) -> list[Answer]:
        """Stars of all requests are encoded and scored at once; a request that is wrong fails alone."""
        now_ms = time.time() * 1000
        model: Model | None = None
        answers: list[Answer] = []
        asked: list[tuple[str, int, Observations]] = []
        for record in records:
            found = headers.read(record.headers)
            correlation = found.get(CORRELATION, "")
            partition = headers.whole_number(found.get(REPLY_PARTITION), self._partitions)
            if not correlation or partition >= self._partitions:
                answers.append(Answer(correlation, -1, b"", ok=False, code="no_address"))
                continue
            if 0 < headers.whole_number(found.get(DEADLINE_MS)) < now_ms:
                answers.append(Answer(correlation, -1, b"", ok=False, code="expired"))
                continue
            try:
                model = model or self._model()
                kind = found.get(KIND, PREDICT)
                if kind == MODEL:
                    answers.append(Answer(correlation, partition, self._describe(model), ok=True))
                elif kind == PREDICT:
                    asked.append((correlation, partition, self._stars(record.value)))
                else:
                    raise AstroScaleError("unknown_kind", f"kind is {kind[:40]!r}; allowed are {PREDICT} and {MODEL}")
            except AstroScaleError as error:
                answers.append(_failure(correlation, partition, error))
        if asked and model is not None:
            answers += self._predict(model, asked)
        return answers

    def _stars(self, value: bytes | None) -> Observations:
        lone = self._lone.read(value)
        if lone is not None and validate(lone)[0].all():
            return lone
        rows = raw.parse(value, {CONTENT_TYPE: ARROW})
        if not 0 < len(rows.stars) <= self._max_rows:
            raise AstroScaleError(
                "wrong_rows", f"a request has {len(rows.stars)} stars; allowed is 1 to {self._max_rows}"
            )
        good, rejections = validate(rows.stars)
        if rows.refused or not good.all():
            detail = rows.refused[0].detail if rows.refused else rejections[0].detail
            raise AstroScaleError("out_of_range", detail)
        self._lone.learn(value, rows.stars)
        return rows.stars

    def _describe(self, model: Model) -> bytes:
        return orjson.dumps(
            {
                "name": model.name,
                "version": model.version,
                "slot": self._slot,
                "encoding_version": model.card.encoding_version,
                "sha256": model.sha256,
                "card": model.card.model_dump(mode="json"),
            }
        )

    def _predict(self, model: Model, asked: Sequence[tuple[str, int, Observations]]) -> list[Answer]:
        stars = join([stars for _, _, stars in asked])
        encoded = encode(stars)
        scores = model.score(encoded.features)
        good, problem = fit(scores)
        measured = stars.numeric["rv_kms"]
        if len(stars) == 1 and good[0] and np.isnan(measured[0]):
            correlation, partition, _ = asked[0]
            value = self._lone_replies.write(model, scores, encoded.flags)
            return [Answer(correlation, partition, value, ok=True, rows=1)]
        batch = predictions.reply(model, scores, flags=encoded.flags, measured=measured)
        answers: list[Answer] = []
        start = 0
        for correlation, partition, part in asked:
            rows = len(part)
            if good[start : start + rows].all():
                value = codec.to_bytes(batch.slice(start, rows))
                answers.append(Answer(correlation, partition, value, ok=True, rows=rows))
            else:
                answers.append(_failure(correlation, partition, AstroScaleError("not_finite_prediction", problem)))
            start += rows
        return answers


def _failure(correlation: str, partition: int, error: AstroScaleError) -> Answer:
    body = orjson.dumps({"code": error.code, "message": error.message, "retryable": error.retryable})
    return Answer(correlation, partition, body, ok=False, code=error.code)
