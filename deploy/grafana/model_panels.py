"""The model: what is served, what it says of the stream, and the candidate beside it."""

from typing import Final

from deploy.grafana.parts import Panel, Query, Section, quantile, rate, ratio

KMS: Final = "suffix: km/s"
_ROWS: Final = "astroscale_inference_rows_predicted_total"
_MEASURED: Final = "astroscale_inference_measured_total"
_VELOCITY: Final = "astroscale_inference_predicted_velocity_kms"
_WIDTH: Final = "astroscale_inference_interval_width_kms"
_TAIL: Final = "astroscale_inference_tail_probability"
_SHADOW: Final = "astroscale_inference_shadow_"

SECTIONS: Final = (
    Section(
        "Model",
        (
            Panel(
                "Serving",
                "Model and version in each inference process.",
                (Query("sum by (name, version) (astroscale_inference_model_info)", "{{name}} {{version}}"),),
                kind="stat",
                width=6,
            ),
            Panel(
                "Slots not served",
                "Slots that point at something that was refused. The note in /readyz of inference says why.",
                (Query("sum by (role) (astroscale_inference_slot_unserved)", "{{role}}"),),
                kind="stat",
                width=6,
                red_from=1,
            ),
            Panel(
                "Models taken and refused",
                "Since the processes began.",
                (
                    Query("sum(astroscale_inference_model_swaps_total)", "taken into service"),
                    Query(
                        "sum by (reason) (astroscale_inference_model_refused_total) or on() vector(0)",
                        "refused {{reason}}",
                    ),
                ),
                width=6,
            ),
            Panel(
                "Time inference takes for requests",
                "From the poll to the replies sent.",
                (
                    Query(quantile(0.5, "astroscale_inference_request_duration_seconds"), "p50"),
                    Query(quantile(0.99, "astroscale_inference_request_duration_seconds"), "p99"),
                ),
                unit="s",
                width=6,
            ),
        ),
    ),
    Section(
        "The model in the stream",
        (
            Panel(
                "Predicted velocities",
                "Positive is away from us.",
                tuple(Query(quantile(q, _VELOCITY), f"p{q * 100:g}") for q in (0.05, 0.5, 0.95)),
                unit=KMS,
                minimum=None,
            ),
            Panel(
                "Width of the 90 % interval",
                "Wider where inputs are missing.",
                tuple(Query(quantile(q, _WIDTH), f"p{q * 100:g}") for q in (0.05, 0.5, 0.95)),
                unit=KMS,
            ),
            Panel(
                "Coverage",
                "Of the last hour's rows whose velocity was measured, the share inside the 90 % and the 68 % interval.",
                (
                    Query(
                        ratio("astroscale_inference_measured_inside_total", _MEASURED, "interval"),
                        "{{interval}} % interval",
                    ),
                ),
                unit="percentunit",
            ),
            Panel(
                "Mean tail probability",
                "Of measured velocities: 0.5 where intervals are right, less where velocities surprise.",
                (
                    Query(
                        f"sum(rate({_TAIL}_sum[$__rate_interval])) / sum(rate({_TAIL}_count[$__rate_interval]))", "mean"
                    ),
                ),
            ),
            Panel(
                "Drift",
                "Population stability index of each input's values against the model's training stars. "
                "Above 0.25 the stars are others.",
                (Query("max by (feature) (astroscale_inference_feature_drift_psi)", "{{feature}}"),),
            ),
            Panel(
                "Drift of what is missing",
                "The same of whether an input is there.",
                (Query("max by (feature) (astroscale_inference_feature_missing_drift_psi)", "{{feature}}"),),
            ),
            Panel(
                "Missing inputs",
                "Share of the last hour's rows.",
                (Query(ratio("astroscale_inference_feature_missing_total", _ROWS, "feature"), "{{feature}}"),),
                unit="percentunit",
            ),
            Panel(
                "Out of range",
                "Share of the last hour's rows in which an input lies outside the training stars' range.",
                (Query(ratio("astroscale_inference_feature_out_of_range_total", _ROWS, "feature"), "{{feature}}"),),
                unit="percentunit",
            ),
            Panel(
                "Extrapolated",
                "Share of the last hour's rows that the model itself calls far from its training stars.",
                (Query(ratio("astroscale_inference_extrapolated_total", _ROWS), "extrapolated"),),
                unit="percentunit",
            ),
        ),
    ),
    Section(
        "Shadow: a candidate beside the model",
        (
            Panel(
                "Candidate",
                "The model in the slot `shadow`; none while the slot is empty.",
                (Query(f"sum by (name, version) ({_SHADOW}info)", "{{name}} {{version}}"),),
                kind="stat",
                width=6,
            ),
            Panel(
                "Rows",
                "Stars a second that the candidate scored too, was too slow for, or had no answer for.",
                (
                    Query(rate(f"{_SHADOW}rows_total"), "scored"),
                    Query(rate(f"{_SHADOW}skipped_rows_total"), "skipped"),
                    Query(rate(f"{_SHADOW}unfit_rows_total"), "no answer"),
                ),
                unit="rowsps",
                width=9,
            ),
            Panel(
                "Difference",
                "Candidate less model: how large it is, and which way it leans.",
                (
                    Query(quantile(0.5, f"{_SHADOW}difference_kms"), "p50 of its size"),
                    Query(quantile(0.95, f"{_SHADOW}difference_kms"), "p95 of its size"),
                    Query(
                        f'(sum(increase({_SHADOW}signed_difference_kms_total{{way="up"}}[1h]))'
                        f' - sum(increase({_SHADOW}signed_difference_kms_total{{way="down"}}[1h])))'
                        f" / sum(increase({_SHADOW}rows_total[1h]))",
                        "mean of the last hour",
                    ),
                ),
                unit=KMS,
                width=9,
                minimum=None,
            ),
            Panel(
                "Width, candidate over model",
                "Below 1 the candidate's 90 % intervals are narrower.",
                (
                    Query(
                        f'sum(increase({_SHADOW}interval_width_kms_total{{model="candidate"}}[1h]))'
                        f' / sum(increase({_SHADOW}interval_width_kms_total{{model="current"}}[1h]))',
                        "last hour",
                    ),
                ),
            ),
            Panel(
                "Coverage of both",
                "On the same rows of the last hour whose velocity was measured.",
                (
                    Query(
                        ratio(f"{_SHADOW}measured_inside_total", f"{_SHADOW}measured_total", "model, interval"),
                        "{{model}}, {{interval}} % interval",
                    ),
                ),
                unit="percentunit",
            ),
            Panel(
                "Mean error of both",
                "Mean |predicted - measured| on the same rows of the last hour.",
                (Query(ratio(f"{_SHADOW}absolute_error_kms_total", f"{_SHADOW}measured_total", "model"), "{{model}}"),),
                unit=KMS,
            ),
        ),
    ),
)
