"""Settings of inference that its start depends on."""

from pathlib import Path

import pytest
from astroscale_inference.app import build_app
from astroscale_inference.settings import InferenceSettings
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings


async def test_a_provider_that_this_build_lacks_ends_the_start_and_names_those_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASTROSCALE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("ASTROSCALE_INFERENCE__EXECUTION_PROVIDERS", '["TensorrtExecutionProvider"]')
    settings = InferenceSettings.load()
    assert settings.execution_providers == ("TensorrtExecutionProvider",)
    with pytest.raises(AstroScaleError, match=r"TensorrtExecutionProvider; .* CPUExecutionProvider") as error:
        build_app(settings, KafkaSettings(), RegistrySettings(root=tmp_path))
    assert error.value.code == "bad_config"


def test_a_slot_is_no_shadow_of_itself() -> None:
    assert InferenceSettings().has_shadow
    assert not InferenceSettings(slot="shadow").has_shadow
    assert not InferenceSettings(score_shadow=False).has_shadow
    assert not InferenceSettings(score_stream=False).has_shadow
