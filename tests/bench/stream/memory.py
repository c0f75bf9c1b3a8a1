"""Memory of a process."""

from pathlib import Path

from astroscale_local.process import ManagedProcess


def resident_mb(process: ManagedProcess) -> float:
    """Resident memory now, in MB as the aims count them (10^6 bytes)."""
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024 / 1e6
