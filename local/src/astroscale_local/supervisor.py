"""Starts the parts in order, restarts what crashes, stops everything in the opposite order."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from astroscale_local import health
from astroscale_local.errors import LocalError
from astroscale_local.kafka import jars
from astroscale_local.kafka.broker import Broker, answers, broker_process
from astroscale_local.plan import Plan, Service
from astroscale_local.ports import free_port
from astroscale_local.process import ManagedProcess, tail
from astroscale_local.redis.server import ping, redis_process
from astroscale_local.report import Report
from astroscale_local.state import Entry, Phase, State, myself

_FIRST_DELAY_S, _LONGEST_DELAY_S, _FORGIVEN_AFTER_S = 0.5, 30.0, 60.0


@dataclass
class Part:
    """A process under supervision and its record of crashes."""

    process: ManagedProcess
    service: Service | None = None
    crashes: int = 0
    restart_at: float | None = None
    up_since: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        return self.process.name


class Supervisor:
    """One running system. Use from one thread: the children are told to end when that thread ends."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan = plan
        self.report = report
        self.parts: list[Part] = []
        self.state = State(myself(), address=plan.gateway_url, env=dict(plan.env))

    def start(self) -> None:
        """Brings the whole system up; returns when every part is ready.

        Raises:
            LocalError: a part did not become ready; what was started keeps running until `stop`.
        """
        self.plan.paths.create()
        self._save("starting")
        self._start_stores()
        self._provision()
        behind = [one for one in self.plan.services if one.service != "gateway"]
        self._start_services("Services", behind)
        self._start_services("Gateway", [one for one in self.plan.services if one.service == "gateway"])
        self._write_targets()

    def mark_ready(self) -> None:
        """Says in the state file that whoever waits for this system may go on."""
        self._save("ready")

    def _start_stores(self) -> None:
        """Kafka and Redis side by side: each has to load by itself."""
        waiting: list[tuple[ManagedProcess, str, int]] = []
        if self.plan.kafka_port is not None:
            missing = len(jars.missing())
            if missing:
                with self.report.step("Fetching Kafka") as show:
                    self._fetch(show)
            broker = Broker(
                self.plan.paths.kafka, self.plan.kafka_port, free_port(), heap=self.plan.settings.kafka_heap
            )
            kafka = broker_process(broker, self.plan.paths.log("kafka"))
            self.launch(Part(kafka), f"127.0.0.1:{self.plan.kafka_port}")
            waiting.append((kafka, "Kafka", self.plan.kafka_port))
        if self.plan.redis_port is not None:
            redis = redis_process(self.plan.redis_port, self.plan.paths.redis, self.plan.paths.log("redis"))
            self.launch(Part(redis), f"127.0.0.1:{self.plan.redis_port}")
            waiting.append((redis, "Redis", self.plan.redis_port))
        for process, title, port in waiting:
            check = answers if process.name == "kafka" else ping
            with self.report.step(title) as show:
                process.wait_ready(lambda check=check, port=port: check(port), self.plan.settings.ready_timeout_s)
                show(f"127.0.0.1:{port}")

    @staticmethod
    def _fetch(show: Callable[[str], None]) -> None:
        names = jars.locked()
        there: list[str] = []

        def done(name: str) -> None:
            there.append(name)
            show(f"{len(there)} of {len(names)} jars")

        jars.fetch(done)

    def _provision(self) -> None:
        with self.report.step("Topics and model"):
            log = self.plan.paths.log("provisioning")
            argv = [sys.executable, "-m", "astroscale_shared.messaging.provisioning"]
            process = ManagedProcess("provisioning", argv, log, self.plan.env)
            process.start()
            try:
                process.wait(self.plan.settings.ready_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.exit_code != 0:
                raise LocalError("The topics and the model could not be set up.", f"Its log is {log}.", tail(log, 10))

    def _start_services(self, title: str, services: list[Service]) -> None:
        with self.report.step(title) as show:
            parts: list[Part] = []
            for service in services:
                process = ManagedProcess(
                    service.name,
                    service.argv,
                    self.plan.paths.log(service.name),
                    {**self.plan.env, **service.env},
                )
                parts.append(Part(process, service))
                self.launch(parts[-1], service.url)
            for part, service in zip(parts, services, strict=True):
                show(f"waiting for {service.name}")
                try:
                    part.process.wait_ready(
                        lambda url=service.url: health.ready(url), self.plan.settings.ready_timeout_s
                    )
                except LocalError as error:
                    if part.process.running:
                        error.message += f" It says: {health.reasons(service.url)}."
                    raise
            show(", ".join(f"{one.name} :{one.port}" for one in services))

    def launch(self, part: Part, url: str) -> None:
        """Starts a part, anew or again, and notes it in the state file."""
        part.process.start()
        part.up_since = time.monotonic()
        if part not in self.parts:
            self.parts.append(part)
        self.state.processes = [one for one in self.state.processes if one.name != part.name]
        self.state.processes.append(Entry(part.name, part.process.pid, part.process.started, url))
        self._save(self.state.phase)

    def _save(self, phase: Phase) -> None:
        self.state.phase = phase
        self.state.save(self.plan.paths.state_file)

    def _write_targets(self) -> None:
        """Prometheus file_sd: where to find the metrics of every service process."""
        targets = [
            {
                "targets": [one.url.partition("://")[2]],
                "labels": {"job": one.service, "replica": one.name, "__scheme__": one.scheme},
            }
            for one in self.plan.services
        ]
        self.plan.paths.targets_file.write_text(json.dumps(targets, indent=1), encoding="utf-8")

    def check(self) -> None:
        """One look at every part: a crashed one is said and started again, later each time it crashes anew."""
        now = time.monotonic()
        for part in self.parts:
            if part.process.running:
                if part.crashes and now - part.up_since > _FORGIVEN_AFTER_S:
                    part.crashes = 0
                continue
            if part.restart_at is None:
                delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**part.crashes)
                part.crashes += 1
                part.restart_at = now + delay
                code = part.process.exit_code
                self.report.say(
                    f"{part.name} ended unexpectedly ({_ending(code)}); starting it again in {delay:g} s. "
                    f"Its log: {part.process.log}",
                    "crashed",
                    "yellow",
                    part=part.name,
                    exit_code=code,
                    delay_s=delay,
                )
            elif now >= part.restart_at:
                part.restart_at = None
                url = next((one.url for one in self.state.processes if one.name == part.name), "")
                self.launch(part, url)
                self.report.say(f"{part.name} was started again.", "restarted", part=part.name, pid=part.process.pid)

    def stop(self) -> None:
        """Gateway first, then the services together, the broker last."""
        self._save("stopping")
        timeout = self.plan.settings.stop_timeout_s
        gateways = [one for one in self.parts if one.service is not None and one.service.service == "gateway"]
        services = [one for one in self.parts if one.service is not None and one not in gateways]
        stores = [one for one in reversed(self.parts) if one.service is None]
        for title, group in (("gateway", gateways), ("services", services), *((one.name, [one]) for one in stores)):
            if not any(one.process.running for one in group):
                continue
            with self.report.step(f"Stopping {title}") as show:
                killed = self._stop_together(group, timeout)
                if killed:
                    show(f"{', '.join(killed)} did not stop in {timeout:g} s and was killed")
        for file in (self.plan.paths.state_file, self.plan.paths.targets_file):
            file.unlink(missing_ok=True)

    @staticmethod
    def _stop_together(group: list[Part], timeout: float) -> list[str]:
        for part in group:
            part.process.ask_to_stop()
        end = time.monotonic() + timeout
        return [one.name for one in group if not one.process.wait_or_kill(max(0.1, end - time.monotonic()))]


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
