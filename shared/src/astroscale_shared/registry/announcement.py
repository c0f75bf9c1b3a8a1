"""What is said on the topic of published models: a slot (the key) points at one version of one model."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from astroscale_shared.runtime.errors import AstroScaleError

Slot = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


class ModelAnnouncement(BaseModel):
    """Slot `slot` is model `name`, version `version`, at `address` (`<name>/<version>`) of the registry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    slot: Slot
    name: Slot
    version: Version
    sha256: Sha256
    address: str
    encoding_version: int
    published_at: datetime

    def to_bytes(self) -> bytes:
        """The message's value: JSON, UTF-8."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The announcement of a message's value; AstroScaleError `bad_model_announcement` says what is wrong."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "document"
            raise AstroScaleError("bad_model_announcement", f"announcement, {field}: {first['msg']}") from error
