"""Write the lock files: everything, each of the two images (the API without torch), and the load test's generator.

pip resolves, nothing is installed: `pip install --dry-run --ignore-installed --report`. Only names and public
versions are written: no index, no path, no build tag (`2.13.0+cpu` is written `2.13.0`), so that the file
means the same on every machine; what pyproject.toml asks for on some machines only keeps its marker. `torch`
is pinned here because its releases decide everything else's size.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
# A CUDA build of torch pins these itself, exactly; a CPU build must not be burdened with gigabytes of them.
CUDA_LIBRARIES = ("nvidia-", "cuda-", "triton")
HEADER = """\
# {what}
# Written by `make lock` from pyproject.toml with Python {python}; do not edit.
"""


def resolve(requirements: list[str], constraints: Path | None = None) -> dict[str, str]:
    """Normalised name → version of everything that `requirements` need. Raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), *requirements]
        if constraints:
            command += ["--constraint", str(constraints)]
        subprocess.run(command, cwd=ROOT, check=True)
        installs = json.loads(report.read_text())["install"]
    found = {}
    for entry in installs:
        name = entry["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
        if name != "inlay" and not name.startswith(CUDA_LIBRARIES):
            found[name] = entry["metadata"]["version"].partition("+")[0]
    return found


def markers() -> dict[str, str]:
    """Normalised name → environment marker of what pyproject.toml asks for on some machines only."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = (project["dependencies"], *project["optional-dependencies"].values())
    wanted = [Requirement(text) for group in groups for text in group]
    return {canonicalize_name(one.name): str(one.marker) for one in wanted if one.marker}


def write(path: Path, what: str, versions: dict[str, str], *, first: str = "") -> None:
    """One `name==version`, with its marker if it has one, a line, sorted; the package `first` leads."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = sorted(versions, key=lambda name: (name != first, name))
    only_where = {name: f"; {marker}" for name, marker in markers().items()}
    lines = "".join(f"{name}=={versions[name]}{only_where.get(name, '')}\n" for name in names)
    path.write_text(HEADER.format(what=what, python=python) + lines)
    print(f"{path.name}: {len(versions)} packages")


def main() -> None:
    """Resolve the whole project once; the images' locks are held to the same versions."""
    everything = ROOT / "requirements.lock"
    write(everything, "Everything: both processes, tests, checks.", resolve([TORCH, ".[dev]"]), first="torch")
    api = resolve([".[api,otel,s3]"], constraints=everything)
    write(ROOT / "requirements-api.lock", "The API process alone: no torch.", api)
    worker = resolve([TORCH, ".[worker,otel,s3]"], constraints=everything)
    write(ROOT / "requirements-worker.lock", "The worker process alone.", worker, first="torch")
    load = resolve([".[load]"], constraints=everything)
    write(ROOT / "requirements-load.lock", "The load test's generator, installed beside requirements.lock.", load)


if __name__ == "__main__":
    main()
