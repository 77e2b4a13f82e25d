"""Where a process keeps its files, and what can become of that: a disk that gets full, or loses its power."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE_BYTES = 64 * 2**20
CHUNK_BYTES = 2**16
_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN of the kernel's fs/ext4/ext4.h."""
_WITHOUT_FLUSH = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on the disk by now, journal included, is never written."""


class Disk:
    """A folder on a disk of its own, which is a file with an ext4 in it. Only root may mount it::

    with Disk(folder) as disk:
        ...                 # write to disk.folder
        disk.fill()         # every write fails with ENOSPC, whoever writes
        disk.free()
        disk.cut_power()    # every access fails with EIO, and what was not synced is gone
        disk.restore()      # it is mounted again, with what it had got
    """

    made_of = "ext4"

    def __init__(self, parent: Path) -> None:
        self.folder = parent / "disk"
        self._image = parent / "disk.image"
        self._filler = self.folder / "filler"

    def fill(self, *writers: int) -> None:
        """To the last block, for all processes."""
        with self._filler.open("ab", buffering=0) as file:
            for size_bytes in (CHUNK_BYTES, 1):
                try:
                    while file.write(bytes(size_bytes)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self, *writers: int) -> None:
        """Make room again."""
        self._filler.unlink()

    def cut_power(self) -> None:
        """Who writes here should stand still before: no process of a host without power answers anybody."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(handle)

    def restore(self) -> None:
        """Whoever has files open here must be gone."""
        self._run("umount", str(self.folder))
        self._mount()

    def __enter__(self) -> Self:
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(SIZE_BYTES)
        self._run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("umount", "--lazy", str(self.folder))
        self._image.unlink()
        self.folder.rmdir()

    def _mount(self) -> None:
        self._run("mount", "-o", "loop", str(self._image), str(self.folder))

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)


def can_be_mounted(folder: Path) -> bool:
    """Whether this process may make disks, in this folder."""
    try:
        with Disk(folder):
            return True
    except (OSError, subprocess.CalledProcessError):
        (folder / "disk.image").unlink(missing_ok=True)
        if (folder / "disk").exists():
            (folder / "disk").rmdir()
        return False


class LimitedFiles:
    """A folder where no disk can be mounted: the processes themselves may not write (EFBIG instead of ENOSPC)."""

    made_of = "RLIMIT_FSIZE"

    def __init__(self, parent: Path) -> None:
        self.folder = parent / "disk"

    def fill(self, *writers: int) -> None:
        """Their writes fail from now on, also to open files."""
        self._limit(1, writers)

    def free(self, *writers: int) -> None:
        """They may write again."""
        self._limit(resource.RLIM_INFINITY, writers)

    def _limit(self, most_bytes: int, writers: Iterable[int]) -> None:
        for process_id in writers:
            _, hard = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
            resource.prlimit(process_id, resource.RLIMIT_FSIZE, (most_bytes, hard))

    def __enter__(self) -> Self:
        self.folder.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def scarce(parent: Path) -> Disk | LimitedFiles:
    """The best that this process may make."""
    return Disk(parent) if can_be_mounted(parent) else LimitedFiles(parent)
