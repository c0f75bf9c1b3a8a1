"""Where the shipped model and the sample are: the checkout that this package belongs to."""

from pathlib import Path


def root() -> Path:
    """The working folder if it is a checkout, else the checkout that this package runs from, else the working folder."""
    here = Path.cwd()
    for folder in (here, *Path(__file__).resolve().parents):
        if (folder / "models").is_dir() and (folder / "uv.lock").is_file():
            return folder
    return here


def find(path: Path) -> Path:
    """A relative path as seen from the working folder if it exists there, else from the checkout."""
    if path.is_absolute() or path.exists():
        return path.resolve()
    return root() / path
