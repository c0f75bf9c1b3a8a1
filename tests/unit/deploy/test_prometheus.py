"""Prometheus' own tool takes our configuration and runs the alerts' own tests, where it is installed.

Where it is not, the compose test runs the same inside Prometheus' container.
"""

import shutil
import subprocess

import pytest
import yaml

from tests.support.deploy import ROOT

FOLDER = ROOT / "deploy/prometheus"
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; the compose test has it")
@pytest.mark.parametrize(
    "arguments", ["check config prometheus.yml", "check config local.yml", "test rules alerts.test.yml"]
)
def test_promtool_agrees(arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested() -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text("utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert {rule["alert"] for rule in rules} == fired


def test_containers_and_one_machine_scrape_at_the_same_pace() -> None:
    first, second = (yaml.safe_load((FOLDER / name).read_text("utf-8")) for name in ("prometheus.yml", "local.yml"))
    assert first["global"] == second["global"]
    assert first["rule_files"] == second["rule_files"]
