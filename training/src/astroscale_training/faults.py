"""The one error of tables that cannot be learnt from."""

from astroscale_shared.runtime.errors import AstroScaleError

CODE = "bad_training_data"


def bad_data(message: str, field: str, value: object, allowed: str, *, code: str = CODE) -> AstroScaleError:
    """An error that names the column or table, what was found in it, and what is allowed."""
    return AstroScaleError(
        code, message, fields=[{"field": field, "value": str(value), "allowed": allowed, "message": message}]
    )
