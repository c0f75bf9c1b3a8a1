"""What a process has taken: memory, and time of the processor."""

from pathlib import Path

import psutil


def resident_mb(pid: int) -> float:
    """Resident memory now, in MB as the aims count them (10^6 bytes)."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Of all of its threads so far. On a busy machine this says more than the time that passed."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
