"""Small archives and answers for the federation's tests."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from astroscale_federation.domain.federation import Federation
from astroscale_federation.domain.local import LocalStars
from astroscale_federation.messages import FederationState, Plan, Update, WorkerNotice
from astroscale_shared.stars.observations import Observations, from_columns

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stars(rows: int, seed: int, missing: bool = True) -> Observations:
    """Stars whose velocity is the Sun's motion, a rotation that depends on [Fe/H], and noise."""
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(0, 360, rows), np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
    fe_h = random.normal(-0.4 * seed, 0.4, rows)
    velocity = 60 * np.cos(np.radians(ra)) * np.cos(np.radians(dec)) * fe_h + random.normal(0, 20, rows)
    columns = {
        "ra": ra,
        "dec": dec,
        "teff": random.normal(5500, 600, rows),
        "logg": random.normal(3, 1, rows),
        "fe_h": fe_h,
        "snr": random.uniform(10, 200, rows),
        "parallax": random.exponential(2, rows) + 0.1,
        "rv_kms": velocity,
    }
    if missing:
        columns["fe_h"] = np.where(random.random(rows) < 0.1, np.nan, fe_h)
        columns["parallax"] = np.where(random.random(rows) < 0.1, np.nan, columns["parallax"])
    survey = np.array([f"survey{seed}"] * rows, dtype=np.object_)
    return from_columns(columns, survey=survey)


def notice(worker: str, session: str = "one", kind: Any = "worker.joined", rows: int = 100) -> WorkerNotice:
    return WorkerNotice(type=kind, worker=worker, session=session, rows=rows, surveys={"A": rows})


def federation(**plan: Any) -> Federation:
    state = FederationState(federation="f", plan=Plan(**plan), created_at=NOW, updated_at=NOW)
    return Federation(state, {})


def update(of: Federation, worker: str, local: LocalStars) -> Update:
    state = of.state
    return Update(
        federation=state.federation,
        round=state.round,
        phase=state.phase,
        worker=worker,
        session="one",
        base_hash=state.base_hash,
        rows=local.training_rows,
    )


def answer(of: Federation, worker: str, local: LocalStars) -> dict[str, Any]:
    return local.answer(of.state.phase, of.state.plan, of.tensors)
