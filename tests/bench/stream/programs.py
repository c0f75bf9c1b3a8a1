"""References as processes of their own, which say on their output how far they are or how long it took."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Generator


class Program:
    """A running reference."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.ready = 0
        self.count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word = line.strip()
            if word == "ready":
                self.ready += 1
            elif word.isdigit():
                self.count = int(word)

    def alive(self) -> None:
        """Fails where it has ended."""
        assert self.process.poll() is None, f"{self.process.args} ended with {self.process.returncode}"

    def reached(self, count: int) -> bool:
        """Whether it has handled so many."""
        self.alive()
        return self.count >= count


@contextlib.contextmanager
def running(module: str, *arguments: object) -> Generator[Program]:
    """`python -m <module> ...`, started; stopped with SIGTERM at the end."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield Program(process)
    finally:
        process.terminate()
        process.wait(10)


def seconds_of(module: str, *arguments: object) -> float:
    """`python -m <module> ...`, which ends by printing how long its work took."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{module} failed:\n{done.stderr[-2_000:]}"
    return float(done.stdout)
