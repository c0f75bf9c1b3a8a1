"""FastStream's broker with the options that we mean: for the control plane."""

from typing import Any

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from astroscale_shared.messaging.clients import compression, ssl_context
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def broker(settings: KafkaSettings, **options: Any) -> KafkaBroker:
    """A broker that creates no topics and whose producer is idempotent and waits for all replicas.

    AstroScaleError `bad_config` for a SASL mechanism that FastStream cannot speak.
    """
    chosen: dict[str, Any] = {
        "allow_auto_create_topics": False,
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": compression(settings),
        "retry_backoff_ms": 50,
        "security": _security(settings),
        "logger": None,
        **options,
    }
    return KafkaBroker(settings.bootstrap_servers.split(","), **chosen)


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    secure = settings.security_protocol.endswith("SSL")
    context = ssl_context(settings) if secure else None
    if not settings.security_protocol.startswith("SASL"):
        return BaseSecurity(context, secure) if secure else None
    kind = _SASL.get(settings.sasl_mechanism)
    if kind is None:
        raise AstroScaleError(
            "bad_config", f"kafka.sasl_mechanism is {settings.sasl_mechanism}; allowed are {', '.join(_SASL)}"
        )
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else ""
    return kind(settings.sasl_username or "", password, context, secure)
