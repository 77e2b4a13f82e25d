"""One supervised process: its log, how it ends, and when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TETHER = Path(__file__).with_name("tether.py")
LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Doubling delays between restarts; a process that ran `healthy_after_s` starts again from the first delay."""

    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    healthy_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run: `grace_s` is how long SIGTERM may take; `on_parent_death` is sent if this program is killed."""

    name: str
    command: Sequence[str]
    log_path: Path
    environ: Mapping[str, str]
    grace_s: float
    on_parent_death: signal.Signals = signal.SIGKILL
    kept_open: tuple[int, ...] = ()


@dataclass(slots=True)
class Child:
    """A process started from its spec. Start it from the main thread: the tether follows the starting thread."""

    spec: ChildSpec
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    failures: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended (negative: by that signal); `None` while it runs or before the first start."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the process in a session of its own: a Ctrl-C in the terminal reaches this program alone."""
        tie = [sys.executable, "-I", str(TETHER), str(os.getpid()), str(int(self.spec.on_parent_death))]
        with self.spec.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*tie, *self.spec.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.spec.environ),
                pass_fds=self.spec.kept_open,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._restart_at = None

    def tend(self) -> str | None:
        """Restart the process if it died and its delay is over. Returns a sentence when something happened."""
        if self._process is None or self._process.poll() is None:
            return None
        now = time.monotonic()
        if self._restart_at is None:
            if now - self._started_at >= self.restarts.healthy_after_s:
                self.failures = 0
            delay_s = min(self.restarts.longest_delay_s, self.restarts.first_delay_s * 2.0**self.failures)
            self.failures += 1
            self._restart_at = now + delay_s
            return f"{self.spec.name} ended ({self.how_it_ended()}); starting it again in {delay_s:g} s"
        if now < self._restart_at:
            return None
        self.start()
        return f"{self.spec.name} started again"

    def stop(self) -> None:
        """SIGTERM, then SIGKILL when the grace is over. Harmless when it does not run."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(self.spec.grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, without waiting for the end."""
        if self._process is not None:
            self._process.kill()

    def how_it_ended(self) -> str:
        """The exit in words: `exit status 1`, `killed by SIGKILL`."""
        code = self.exit_code
        if code is None:
            return "running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.spec.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])
