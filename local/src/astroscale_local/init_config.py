"""Writes a commented config.toml from the settings classes themselves, so that it cannot fall behind them."""

import importlib
import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from astroscale_shared.runtime.settings import Settings
from pydantic import SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from astroscale_local.errors import LocalError

_MODULES = (
    "astroscale_shared.runtime.settings",
    "astroscale_gateway.settings",
    "astroscale_ingestor.settings",
    "astroscale_preprocessor.settings",
    "astroscale_inference.settings",
    "astroscale_federation.settings",
    "astroscale_training.settings",
    "astroscale_local.settings",
)

_HEAD = """\
# AstroScale settings. Every line shows a setting with its default; change what you need, remove the rest.
# The environment wins over this file: ASTROSCALE_<SECTION>__<FIELD>, named above each table.
# Ports: 0 takes any free one. Secrets belong into the environment, not into this file.
"""


def settings_classes() -> Iterator[type[Settings]]:
    """Every settings class with a table of its own, of the members that are installed."""
    seen: set[str] = set()
    for name in _MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and name.startswith(error.name):
                continue  # that member is not installed, so its settings mean nothing here
            raise
        for _, found in inspect.getmembers(module, inspect.isclass):
            if not issubclass(found, Settings) or "table" not in found.__dict__ or found.table in seen:
                continue
            if found.model_config.get("extra") == "ignore":
                continue  # a partial view of another's section
            seen.add(found.table)
            yield found


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return _toml(value.value)
        case int() | float():
            return repr(value)
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(_toml(one) for one in value) + "]"  # pyright: ignore[reportUnknownVariableType]
        case _:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_secret(info: FieldInfo) -> bool:
    kinds = (info.annotation, *get_args(info.annotation))
    return SecretStr in kinds or SecretBytes in kinds


def _field(name: str, info: FieldInfo, section: str) -> Iterator[str]:
    if info.description:
        yield f"# {' '.join(info.description.split())}"
    default = info.get_default(call_default_factory=True, validated_data={})
    if _is_secret(info):
        yield f"# {name}: a secret; set ASTROSCALE_{section}__{name.upper()} in the environment"
    elif default is None or default is PydanticUndefined:
        yield f'# {name} = ""  # not set'
    elif isinstance(default, Path) and default.is_absolute():
        yield f'# {name} = ""  # by default, where the package is installed'
    elif isinstance(default, dict):
        yield f"# {name} = {{}}"
    else:
        yield f"{name} = {_toml(default)}"


def render() -> str:
    """The whole file."""
    parts = [_HEAD]
    for found in settings_classes():
        lines = [f"# {line}".rstrip() for line in (inspect.getdoc(found) or "").splitlines()]
        lines += [f"# Environment: ASTROSCALE_{found.section}__...", f"[{found.table}]"]
        for name, info in found.model_fields.items():
            lines += _field(name, info, found.section)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def write(path: Path, *, force: bool) -> None:
    """Writes the file.

    Raises:
        LocalError: it is there already and `force` is not given, or the folder cannot be written.
    """
    if path.exists() and not force:
        raise LocalError(f"{path} is there already and was not touched.", "Use --force to replace it.")
    try:
        path.write_text(render(), encoding="utf-8")
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from error
