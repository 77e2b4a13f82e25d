from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from inlay.child import Child, ChildSpec, RestartPolicy

SWIFT = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.2, healthy_after_s=60)
NewChild = Callable[..., Child]


@pytest.fixture
def new_child(tmp_path: Path) -> Iterator[NewChild]:
    made: list[Child] = []

    def make(code: str, *, grace_s: float = 5.0, restarts: RestartPolicy = SWIFT) -> Child:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        log = tmp_path / f"{len(made)}.log"
        log.touch()
        child = Child(ChildSpec("part", command, log, dict(os.environ), grace_s), restarts)
        made.append(child)
        child.start()
        return child

    yield make
    for child in made:
        child.kill()
        child.stop()


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def what_happens(child: Child, count: int) -> list[str]:
    """The first `count` things that tending it tells."""
    sentences: list[str] = []

    def tended() -> bool:
        sentence = child.tend()
        sentences.extend([sentence] if sentence else [])
        return len(sentences) == count

    until(tended)
    return sentences


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that its new parent has not collected yet counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_stop_asks_with_sigterm_and_lets_the_process_finish(new_child: NewChild) -> None:
    child = new_child(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("drained", flush=True), sys.exit(0)))
        print("up", flush=True)
        time.sleep(60)
        """
    )
    until(lambda: "up" in child.log_tail())
    child.stop()
    assert "drained" in child.log_tail()
    assert child.pid is None


def test_stop_kills_what_does_not_end_in_its_grace(new_child: NewChild) -> None:
    child = new_child(
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("up", flush=True)
        time.sleep(60)
        """,
        grace_s=0.2,
    )
    until(lambda: "up" in child.log_tail())
    pid = child.pid
    assert pid is not None
    child.stop()
    assert gone(pid)


def test_a_dead_process_is_started_again_after_growing_delays(new_child: NewChild) -> None:
    child = new_child("print('run', flush=True); raise SystemExit(3)")
    assert what_happens(child, 4) == [
        "part ended (exit status 3); starting it again in 0.05 s",
        "part started again",
        "part ended (exit status 3); starting it again in 0.1 s",
        "part started again",
    ]
    assert child.log_tail().count("run") >= 2


def test_delays_start_over_after_a_healthy_run(new_child: NewChild) -> None:
    child = new_child("raise SystemExit(1)", restarts=RestartPolicy(0.05, 0.2, healthy_after_s=0.0))
    assert {sentence for sentence in what_happens(child, 4) if "ended" in sentence} == {
        "part ended (exit status 1); starting it again in 0.05 s"
    }


def test_how_it_ended_names_the_signal(new_child: NewChild) -> None:
    child = new_child("import time; time.sleep(60)")
    assert child.how_it_ended() == "running"
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: child.exit_code is not None)
    assert child.how_it_ended() == "killed by SIGKILL"


def test_a_signal_to_the_terminals_group_does_not_reach_the_child(new_child: NewChild) -> None:
    child = new_child("import time; time.sleep(60)")
    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")  # CI is Linux
def test_no_child_survives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
    import os, sys, time
    from pathlib import Path
    from inlay.child import Child, ChildSpec
    log = Path({str(tmp_path / "log")!r})
    child = Child(ChildSpec("part", [sys.executable, "-c", "import time; time.sleep(60)"], log, dict(os.environ), 1.0))
    child.start()
    print(child.pid, flush=True)
    time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        until(lambda: "tether.py" not in " ".join(psutil.Process(pid).cmdline()))
        assert not gone(pid)
        parent.kill()
    until(lambda: gone(pid))


def test_a_tether_whose_parent_is_already_gone_does_not_start_the_command() -> None:
    tether = Path(__file__).parents[2] / "inlay" / "tether.py"
    ended = subprocess.run([sys.executable, "-I", str(tether), "1", "9", "echo", "started"], capture_output=True)
    assert ended.returncode == 1
    assert ended.stdout == b""
