"""Logs are one JSON object a line, whatever is logged; an exit says why, once."""

import json
import subprocess
import sys

PROGRAM = """
import logging as standard
from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.process import serve
logging.configure("example")
log = logging.get("part")
log.info("event", rows=3, where={1: "one"}, odd=object)
log.info("huge", number=2**70, half="\\ud800")
log.debug("unseen")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
for _ in range(3):
    standard.getLogger("aiokafka").warning("retry %s", "x")
"""


def run(program: str) -> tuple[int, list[dict[str, object]], str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()], done.stdout


def test_every_line_is_an_object_with_event_service_level_and_time() -> None:
    code, lines, out = run(PROGRAM)
    assert (code, out) == (0, "")
    assert [line["event"] for line in lines] == ["event", "huge", "failed", "retry x"]
    assert all({"event", "service", "level", "timestamp"} <= line.keys() for line in lines)
    assert {line["service"] for line in lines} == {"example"}
    first, huge, failed, foreign = lines
    assert (first["rows"], first["part"], first["where"]) == (3, "part", {"1": "one"})
    assert huge["number"] == 2**70
    assert "ZeroDivisionError" in str(failed["exception"])
    assert foreign["logger"] == "aiokafka"


def ended(raised: str) -> tuple[int, dict[str, object]]:
    code, lines, _ = run(
        f"{PROGRAM.split('log = ')[0]}\nasync def main():\n    {raised}\nserve('example', main, level=lambda: 'info')\n"
    )
    assert lines[0]["event"] == "starting"
    assert lines[-1]["event"] == "stopped"
    assert len(lines) == 2
    return code, lines[-1]


def test_a_process_says_why_it_ends() -> None:
    assert ended("pass")[0] == 0
    code, line = ended("raise AstroScaleError('no_model', 'there is none')")
    assert (code, line["code"], line["reason"]) == (1, "no_model", "there is none")
    assert "exception" not in line
    code, line = ended("raise OSError(98, 'Address already in use')")
    assert (code, line["code"]) == (1, "os_error")
    code, line = ended("raise KeyError('x')")
    assert (code, line["code"]) == (1, "unexpected")
    assert "KeyError" in str(line["exception"])


def test_the_level_of_the_settings_counts() -> None:
    program = PROGRAM.split("log = ")[0] + (
        "\nasync def main():\n    logging.get('x').info('quiet')\n    logging.get('x').error('loud')\n"
        "serve('example', main, level=lambda: 'error')\n"
    )
    _, lines, _ = run(program)
    events = [line["event"] for line in lines]
    assert "loud" in events
    assert "quiet" not in events
