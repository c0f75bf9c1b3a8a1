"""The finished model: exported, compared with its numpy form, given its card, published. Never promoted."""

import numpy as np
import onnx
from astroscale_shared.messaging import announcements
from astroscale_shared.registry import Calibration, Metric, ModelCard, ModelRef, Registry
from astroscale_shared.registry.announcement import ModelAnnouncement
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.encoding import ENCODING_VERSION, FEATURE_NAMES

from astroscale_federation.domain import graph
from astroscale_federation.domain.design import GROUPS, INPUT_NAMES
from astroscale_federation.domain.model import Model
from astroscale_federation.domain.rounds import scaling_of
from astroscale_federation.domain.updates import Tensors
from astroscale_federation.messages import FederationState, Plan, RoundClosed

INTERVAL_LEVEL = 0.9
REVEALED = (
    "No formal privacy. A worker sends sums and second moments of its stars' inputs, weights after its local steps, and"
    " histograms of residuals; never a star."
)


def model_name(federation: str) -> str:
    """The registry's name of a federation's model, which is also its slot."""
    return f"federated-{federation}"


def publish(registry: Registry, state: FederationState, tensors: Tensors) -> tuple[ModelRef, ModelAnnouncement]:
    """Export, gate and store the model of a federation whose rounds are closed; the announcement is the caller's.

    The same state gives the same bytes. Raises AstroScaleError `parity_failed` where graph and numpy differ.
    """
    model = Model(scaling_of(tensors), tensors["weights"], tensors["offsets"])
    exported = graph.build(model)
    parity = graph.parity(exported, model)
    if not parity.passed:
        raise AstroScaleError("parity_failed", f"the exported graph differs by {parity.max_error_kms:g} km/s")
    last = state.last_round
    assert last is not None  # noqa: S101 - a calibrated federation has closed rounds
    ref = registry.publish(
        model_name(state.federation),
        exported,
        ModelCard(
            model_type="federated linear model (FedAvg)",
            encoding_version=ENCODING_VERSION,
            feature_names=FEATURE_NAMES,
            interval_level=INTERVAL_LEVEL,
            trained_at=last.closed_at,
            normalization="standard",
            parity=parity,
            counts_per_survey=_surveys(state),
            metrics=_metrics(state),
            calibration=_calibration(state, model),
            training_command=_command(state.federation, state.plan),
            library_versions={"numpy": np.__version__, "onnx": onnx.__version__},
            extra={"federation": _extra(state, last)},
        ),
    )
    return ref, announcements.of(registry, ref)


def _surveys(state: FederationState) -> dict[str, int]:
    found: dict[str, int] = {}
    for notice in state.archives.values():
        for survey, rows in notice.surveys.items():
            found[survey] = found.get(survey, 0) + rows
    return dict(sorted(found.items()))


def _metrics(state: FederationState) -> dict[str, Metric]:
    """Figures on the stars kept aside, over all archives and by archive."""
    found: dict[str, Metric] = {}
    for name, value in sorted(state.figures.items()):
        kind, _, archive = name.partition("/")
        if kind in ("r2", "rmse_kms"):
            rows = int(state.figures[f"rows/{archive}" if archive else "rows"])
            found[name] = Metric(value=value, unit="km/s" if kind == "rmse_kms" else "-", rows=rows)
    return found


def _calibration(state: FederationState, model: Model) -> tuple[Calibration, ...]:
    figures = state.figures
    return tuple(
        Calibration(
            pattern=name,
            rows=int(figures[f"test_rows/{name}"]),
            level=INTERVAL_LEVEL,
            coverage=figures[f"coverage/{name}"],
            mean_width_kms=float(model.offsets[group, -1] - model.offsets[group, 0]),
        )
        for group, name in enumerate(GROUPS)
        if f"coverage/{name}" in figures
    )


def _command(federation: str, plan: Plan) -> str:
    return (
        f"astroscale federation create --id {federation} --rounds {plan.rounds} --min-workers {plan.min_workers}"
        f" --deadline {plan.deadline_s:g} --wait {plan.wait_s:g}"
    )


def _extra(state: FederationState, last: RoundClosed) -> dict[str, object]:
    return {
        "id": state.federation,
        "plan": state.plan.model_dump(),
        "archives": [
            {"worker": name, "rows": one.rows, "surveys": one.surveys} for name, one in sorted(state.archives.items())
        ],
        "last_participants": [one.model_dump(include={"worker", "rows", "sha256"}) for one in last.participants],
        "output_hash": last.output_hash,
        "inputs": list(INPUT_NAMES),
        "privacy": REVEALED,
    }
