"""What is said on the topic of published models: a slot (the key) points at one version of one model."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from astroscale_shared.runtime.errors import AstroScaleError

Slot = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]

DEFAULT_SLOT: Final = "default"
"""The slot that inference serves unless its settings say otherwise."""

SHADOW_SLOT: Final = "shadow"
"""The slot whose model scores the stream beside the one in service."""

MAX_PREVIOUS: Final = 5


class Previous(BaseModel):
    """A version that a slot pointed at before."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Slot
    version: Version
    sha256: Sha256


class ModelAnnouncement(BaseModel):
    """Slot `slot` is model `name`, version `version`, at `address` (`<name>/<version>`) of the registry.

    previous: what the slot pointed at before, newest first, at most `MAX_PREVIOUS`. The topic is compacted and keeps
    one record a slot, so that a record has to carry its own past. Records written before this field have none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    slot: Slot
    name: Slot
    version: Version
    sha256: Sha256
    address: str
    encoding_version: int
    published_at: datetime
    previous: tuple[Previous, ...] = ()

    def after(self, before: "ModelAnnouncement | None") -> Self:
        """This announcement, remembering what its slot says now (None: nothing) and what came before that.

        The same version again is no step: the past stays as it is.
        """
        if before is None:
            return self.model_copy(update={"previous": ()})
        if (before.name, before.version) == (self.name, self.version):
            return self.model_copy(update={"previous": before.previous})
        replaced = Previous(name=before.name, version=before.version, sha256=before.sha256)
        return self.model_copy(update={"previous": (replaced, *before.previous)[:MAX_PREVIOUS]})

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
