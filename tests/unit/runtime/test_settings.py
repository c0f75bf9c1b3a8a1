"""Settings: environment over file over default; what is wrong is named."""

from pathlib import Path

import pytest
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, Settings, config_file
from pydantic import Field, SecretStr


class Example(Settings):
    section = "EXAMPLE"
    table = "example"

    size: int = Field(default=3, ge=1)
    name: str = "star"
    password: SecretStr | None = None


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a settings file that does not exist yet."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(path))
    return path


def failure(settings: type[Settings] = Example) -> str:
    with pytest.raises(AstroScaleError) as error:
        settings.load()
    assert error.value.code == "bad_config"
    return error.value.message


def test_defaults_where_nothing_is_said() -> None:
    assert (Example.load().size, Example.load().name) == (3, "star")


def test_the_file_is_over_the_default_and_the_environment_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[example]\nsize = 5\nname = "from file"\n[other]\nx = 1\n')
    assert (Example.load().size, Example.load().name) == (5, "from file")
    monkeypatch.setenv("ASTROSCALE_EXAMPLE__SIZE", "7")
    assert (Example.load().size, Example.load().name) == (7, "from file")


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_EXAMPLE__SIZE", "")
    assert Example.load().size == 3


def test_the_file_is_that_of_the_working_folder_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASTROSCALE_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert config_file() == Path("config.toml")
    (tmp_path / "config.toml").write_text("[example]\nsize = 9\n")
    assert Example.load().size == 9


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_EXAMPLE__SIZE", "zero")
    said = failure()
    assert "ASTROSCALE_EXAMPLE__SIZE" in said
    assert "size" in said
    assert "integer" in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[example]\nsize = 0\n", "size"),
        ("[example]\nsiez = 5\n", "siez"),
        ("[example\n", "config.toml"),
        ("example = 5\n", "[example]"),
        ("[[example]]\nsize = 5\n", "[example]"),
    ],
)
def test_a_wrong_file_is_named(config: Path, text: str, named: str) -> None:
    config.write_text(text)
    assert named in failure()


def test_a_file_that_is_no_text_is_named(config: Path) -> None:
    config.write_bytes(b"\xff\xfe\x00")
    assert "config.toml" in failure()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASTROSCALE_KAFKA__SASL_PASSWORD", "hunter2")
    settings = KafkaSettings.load()
    assert settings.sasl_password is not None
    assert settings.sasl_password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings.model_dump())


def test_settings_do_not_change_while_a_service_runs() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Example.load().size = 4
