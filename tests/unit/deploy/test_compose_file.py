"""docker-compose.yml and services/Dockerfile keep what they promise, as far as reading them can tell."""

import re
from typing import Any

import pytest
import yaml

from tests.support.deploy import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("astroscale/")}
JOBS = ("init", "sample")
DOCKERFILE = (ROOT / "services/Dockerfile").read_text("utf-8")


def test_five_services_and_two_jobs_are_ours() -> None:
    assert set(OURS) == {"gateway", "ingestor", "preprocessor", "inference", "federation", *JOBS}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_gains_privileges(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_ours_cannot_write_to_their_images(name: str) -> None:
    assert OURS[name]["read_only"] is True
    assert OURS[name]["restart"] == ("no" if name in JOBS else "unless-stopped")


def test_ports_are_published_on_the_loopback_address_unless_told() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(published) == 4
    for port in published:
        assert re.match(r"\$\{ASTROSCALE_[A-Z_]+:-127\.0\.0\.1\}:\$\{ASTROSCALE_[A-Z_]+:-\d+\}:\d+$", port), port


def test_no_secret_is_written_down() -> None:
    for one in SERVICES.values():
        for name, value in (one.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN|AUTH$", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:-\}", value), name


@pytest.mark.parametrize("name", [name for name in OURS if name not in JOBS])
def test_services_start_after_their_topics(name: str) -> None:
    assert OURS[name]["depends_on"]["init"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("job", JOBS)
def test_something_waits_for_the_end_of_each_job(job: str) -> None:
    """Else `docker compose up --wait` takes that end for a failure."""
    waited = [one["depends_on"][job]["condition"] for one in SERVICES.values() if job in one.get("depends_on", {})]
    assert "service_completed_successfully" in waited


def test_commands_of_the_images_are_in_exec_form() -> None:
    lines = re.findall(r"^(?:ENTRYPOINT|CMD|HEALTHCHECK .*?CMD) (.*)$", DOCKERFILE, re.MULTILINE)
    assert len(lines) >= 8
    assert all(line.startswith("[") for line in lines)


def test_every_member_of_the_workspace_is_known_to_the_build() -> None:
    """A member that is new but not copied breaks `uv sync` in the image, long after it was added."""
    for manifest in [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]:
        assert f"COPY {manifest.relative_to(ROOT)} {manifest.parent.relative_to(ROOT)}/" in DOCKERFILE
