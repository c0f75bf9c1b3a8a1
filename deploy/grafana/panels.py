"""What the overview dashboard shows: sections, panels and their questions to Prometheus."""

from typing import Final

from deploy.grafana.model_panels import SECTIONS as MODEL_SECTIONS
from deploy.grafana.parts import Panel, Query, Section, every, quantile, rate

_HTTP: Final = "astroscale_gateway_request_duration_seconds"
_PREDICT: Final = '{route="/predict"}'
_RELAY: Final = "astroscale_gateway_relay_duration_seconds"
_ROUND: Final = "astroscale_federation_round_duration_seconds"

SECTIONS: Final = (
    Section(
        "Now",
        (
            Panel(
                "Services up",
                "Processes that answer Prometheus.",
                (Query('sum by (job) (up{job=~"gateway|ingestor|preprocessor|inference|federation"})', "{{job}}"),),
                kind="stat",
                width=9,
                red_below=1,
            ),
            Panel(
                "Ready",
                "Processes whose /readyz answers 200.",
                (Query('sum by (job) ({__name__=~"astroscale_[a-z]+_ready"})', "{{job}}"),),
                kind="stat",
                width=9,
                red_below=1,
            ),
            Panel(
                "Rows that do not add up",
                "Rows in less rows passed on and rows refused. Anything but zero is a defect.",
                (
                    Query("sum(astroscale_preprocessor_ledger_mismatch_rows)", "preprocessor"),
                    Query("sum(astroscale_inference_ledger_mismatch_rows)", "inference"),
                    Query("max(astroscale_gateway_ledger_mismatch_rows)", "ledger"),
                ),
                kind="stat",
                width=6,
                red_from=1,
            ),
        ),
    ),
    Section(
        "Requests",
        (
            Panel(
                "Requests",
                "HTTP requests a second, by route and status.",
                (Query(rate("astroscale_gateway_requests_total", "route, status"), "{{route}} {{status}}"),),
                unit="reqps",
            ),
            Panel(
                "Latency of /predict",
                "From a request to its answer, at the gateway.",
                tuple(Query(quantile(q, _HTTP, _PREDICT), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)),
                unit="s",
            ),
            Panel(
                "Latency over Kafka",
                "From a message to inference to its reply: what the gateway waits for.",
                tuple(Query(quantile(q, _RELAY), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)),
                unit="s",
            ),
            Panel(
                "Stars in one message",
                "Requests that travel together: more of them under load.",
                (
                    Query(quantile(0.5, "astroscale_gateway_batch_rows"), "p50"),
                    Query(quantile(0.99, "astroscale_gateway_batch_rows"), "p99"),
                ),
            ),
            Panel(
                "Waiting",
                "Stars that wait for their prediction. Above the gateway's limit, requests get 503.",
                (Query("sum(astroscale_gateway_waiting)", "waiting"),),
            ),
            Panel(
                "Requests refused",
                "A second, by reason: bad fields, too large, too busy.",
                (Query(rate("astroscale_gateway_rejected_total", "reason"), "{{reason}}"),),
                unit="reqps",
            ),
        ),
    ),
    Section(
        "Stream",
        (
            Panel(
                "Rows",
                "Stars a second at each step. In = encoded + refused; encoded = predicted + refused by inference.",
                (
                    Query(rate("astroscale_preprocessor_rows_in_total"), "raw in"),
                    Query(rate("astroscale_preprocessor_rows_encoded_total"), "encoded"),
                    Query(rate("astroscale_preprocessor_rows_rejected_total"), "refused"),
                    Query(rate("astroscale_inference_rows_predicted_total"), "predicted"),
                ),
                unit="rowsps",
                width=12,
            ),
            Panel(
                "Lag",
                "Messages not yet processed. Falling is good, growing wants another replica.",
                (
                    Query("sum by (group) (astroscale_preprocessor_lag_messages)", "{{group}}"),
                    Query("sum by (group) (astroscale_inference_lag_messages)", "{{group}}"),
                ),
                width=12,
            ),
            Panel(
                "Lag in seconds",
                "Age of the next message to process, in the partition that is furthest behind. 0 when idle.",
                (
                    Query("max by (group) (astroscale_preprocessor_lag_seconds)", "{{group}}"),
                    Query("max by (group) (astroscale_inference_lag_seconds)", "{{group}}"),
                ),
                unit="s",
            ),
            Panel(
                "Expired unread",
                "Offsets that retention took before they were read, in the last hour.",
                (
                    Query("sum(increase(astroscale_preprocessor_offsets_expired_total[1h]))", "raw (preprocessor)"),
                    Query("sum(increase(astroscale_inference_offsets_expired_total[1h]))", "encoded (inference)"),
                ),
            ),
            Panel(
                "Rows refused, by reason",
                "Each is in a dead-letter topic with its reason.",
                (
                    Query(rate("astroscale_preprocessor_rows_rejected_total", "reason"), "{{reason}}"),
                    Query(rate("astroscale_inference_rows_refused_total", "reason"), "inference: {{reason}}"),
                ),
                unit="rowsps",
            ),
            Panel(
                "Batches",
                "Transactions a second.",
                (
                    Query(rate("astroscale_preprocessor_batch_rows_count"), "preprocessor"),
                    Query(rate("astroscale_inference_batch_rows_count"), "inference"),
                ),
                unit="ops",
            ),
            Panel(
                "Time a batch takes",
                "Parsing and encoding, and scoring; without Kafka.",
                (
                    Query(quantile(0.5, "astroscale_preprocessor_batch_duration_seconds"), "preprocessor p50"),
                    Query(quantile(0.99, "astroscale_preprocessor_batch_duration_seconds"), "preprocessor p99"),
                    Query(quantile(0.5, "astroscale_inference_batch_duration_seconds"), "inference p50"),
                    Query(quantile(0.99, "astroscale_inference_batch_duration_seconds"), "inference p99"),
                ),
                unit="s",
            ),
        ),
    ),
    *MODEL_SECTIONS,
    Section(
        "Federation",
        (
            Panel(
                "Rounds",
                "Rounds closed since the coordinator began, by phase.",
                (Query("sum by (phase) (astroscale_federation_rounds_total) or on() vector(0)", "{{phase}}"),),
                width=6,
            ),
            Panel(
                "Workers",
                "Workers that are there, and those whose update counted in the last closed round.",
                (
                    Query("sum(astroscale_federation_workers)", "there"),
                    Query("sum(astroscale_federation_participants)", "counted"),
                ),
                width=6,
            ),
            Panel(
                "Time a round takes",
                "From its opening to its close.",
                (
                    Query(quantile(0.5, _ROUND), "p50"),
                    Query(quantile(0.99, _ROUND), "p99"),
                ),
                unit="s",
                width=6,
            ),
            Panel(
                "Excluded",
                "Updates refused and answers missed, by reason.",
                (Query("sum by (reason) (astroscale_federation_exclusions_total) or on() vector(0)", "{{reason}}"),),
                width=6,
            ),
        ),
    ),
    Section(
        "Processes",
        (
            Panel(
                "CPU",
                "Cores used.",
                (Query(f"sum by (job) (rate({every('cpu_seconds')}[$__rate_interval]))", "{{job}}"),),
                width=6,
            ),
            Panel(
                "Memory",
                "Resident.",
                (Query(f"sum by (job) ({every('resident_memory_bytes')})", "{{job}}"),),
                unit="bytes",
                width=6,
            ),
            Panel(
                "Open files",
                "File descriptors: files and connections.",
                (Query(f"sum by (job) ({every('open_files')})", "{{job}}"),),
                width=6,
            ),
            Panel(
                "Disk of the log folder",
                "Free.",
                (Query(f"min by (job) ({every('log_disk_free_bytes')})", "{{job}}"),),
                unit="bytes",
                width=6,
                red_below=1e9,
            ),
        ),
    ),
)
