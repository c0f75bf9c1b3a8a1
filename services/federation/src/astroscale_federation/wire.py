"""Tensors with their message in one record: safetensors whose metadata holds the message's JSON."""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from astroscale_shared.runtime.errors import AstroScaleError
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Tensors = Mapping[str, NDArray[Any]]

_KEY = "message"


def pack(message: str, tensors: Tensors) -> bytes:
    """One record's value of a message (JSON) and its tensors."""
    return save({name: np.ascontiguousarray(one) for name, one in tensors.items()}, metadata={_KEY: message})


def unpack(data: bytes) -> tuple[str, dict[str, NDArray[Any]]]:
    """The message (JSON) and the tensors; AstroScaleError `unreadable` where it is no such record."""
    try:
        tensors = load(data)
        (length,) = struct.unpack_from("<Q", data)
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        return metadata[_KEY], tensors
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError) as error:
        raise AstroScaleError("unreadable", f"not a safetensors record with a message: {error}") from error


def digest(tensors: Tensors) -> str:
    """SHA-256 (hexadecimal) of tensors: of names, types, shapes and little-endian values in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        one = np.ascontiguousarray(tensors[name])
        one = one.astype(one.dtype.newbyteorder("<"), copy=False)
        sha.update(f"{name} {one.dtype.str} {one.shape}\n".encode())
        sha.update(one.tobytes())
    return sha.hexdigest()
