"""Where a figure comes from: commit, hardware, versions."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch


def provenance() -> dict[str, str | int]:
    """Commit (with `+` when files differ from it), processor, threads and versions of this run."""
    return {
        "commit": commit(),
        "hardware": processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def commit() -> str:
    """Short hash of the checkout, `unknown` outside one."""
    root = Path(__file__).parents[1]
    try:
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], cwd=root, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return (head.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")


def processor() -> str:
    """The processor's name as the system tells it, or the GPU's when there is one."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.processor() or platform.machine()
