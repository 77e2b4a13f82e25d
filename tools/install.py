"""Make or refresh `.venv` from `requirements.lock`: at once when nothing changed, safe when called in parallel.

Run by `make install` with whatever `python3` is at hand, so it must at least parse on older ones to say so.
Two stamps lie in `.venv` and vanish with it: `.made-by`, written when the bare environment is whole, says which
Python made it and for which checkout; `.installed` says what was installed into it.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)


def maker() -> str:
    """Changes whenever the environment must be made anew: another Python, or scripts whose first line leads away."""
    return "\n".join((sys.version, os.path.realpath(sys.base_prefix), str(ROOT), ""))


def fingerprint() -> str:
    """Changes whenever the packages must be installed again."""
    parts = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    parts += [maker().encode(), Path(__file__).read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def holds(stamp: Path, wanted: str) -> bool:
    """Whether the stamp was written, and with this text."""
    return stamp.is_file() and stamp.read_text() == wanted


def run(*command: str) -> None:
    """Run a command, or end with its exit status."""
    finished = subprocess.run(command, cwd=ROOT, check=False)
    if finished.returncode:
        sys.exit("make install: this failed: " + " ".join(command))


def make_venv() -> None:
    """An empty environment of this Python for this checkout; what another made, or left unfinished, is cleared away."""
    stamp = VENV / ".made-by"
    if os.access(str(VENV / "bin" / "python"), os.X_OK) and holds(stamp, maker()):
        return
    run(sys.executable, "-m", "venv", "--clear", str(VENV))
    stamp.write_text(maker())


def install() -> None:
    """Install every pinned package, then this project as editable."""
    pip = (str(VENV / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    run(*pip, "-r", "requirements.lock")
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", ".")


def main() -> None:
    """Check the Python, take the lock, install if anything changed."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit("Inlay needs Python 3.11 or newer; this is " + found + ". Try: make PYTHON=python3.11 install")
    try:
        import ensurepip  # noqa: F401  # asked for only to see whether venv can work
    except ImportError:
        sys.exit(
            "This Python cannot make virtual environments: install its venv package (Debian: apt install python3-venv)"
        )
    with Path(__file__).open() as this_file:
        fcntl.flock(this_file, fcntl.LOCK_EX)
        if holds(VENV / ".made-by", maker()) and holds(VENV / ".installed", fingerprint()):
            return
        print("Installing into .venv (the first time takes a few minutes) …", flush=True)
        make_venv()
        install()
        (VENV / ".installed").write_text(fingerprint())


if __name__ == "__main__":
    main()
