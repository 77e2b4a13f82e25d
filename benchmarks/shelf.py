"""A folder of results: rows as they come, from this run and from earlier ones, with the pictures that are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from benchmarks.comparing import compared_rows
from benchmarks.identity import Identity
from benchmarks.measuring import Measured
from benchmarks.report import markdown, read_json, write_json
from benchmarks.row import Origin, Row
from benchmarks.summary import summary

SHOWN = 8


@dataclass
class Results:
    """What is written, and again after each row: a run that is cut off has lost nothing.

    `rows` may hold some that no method of this run is asked for: the table is of all pieces together. `earlier_notes`
    are those of earlier pieces that still hold.
    """

    folder: Path
    model: str
    commands: list[str]
    rows: dict[Identity, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    earlier_notes: list[str] = field(default_factory=list)

    @property
    def rows_path(self) -> Path:
        """Where rows are kept."""
        return self.folder / "rows.json"

    @property
    def origin(self) -> Origin:
        """What the JSON says beside the rows."""
        return Origin(self.model, tuple(self.commands), tuple(dict.fromkeys([*self.earlier_notes, *self.notes])))

    def compared(self) -> list[Row]:
        """All rows, in order, with what they say of each other."""
        return compared_rows(list(self.rows.values()))

    def take_up(self, weights: Collection[str | None], pictures: Collection[str], batch: int) -> None:
        """Go on from the rows that are there.

        Raises `ValueError` unless all were measured with these `weights` on these `pictures` (digests) in batches of
        `batch`: one table cannot hold others, and hours of measuring shall not be lost. Also for another version.
        """
        earlier, origin = read_json(self.rows_path)
        kept = [row for row in earlier if row.weights in weights and row.pictures in pictures and row.batch == batch]
        if len(kept) < len(earlier):
            raise ValueError(
                f"{len(earlier) - len(kept)} of {len(earlier)} rows in {self.rows_path} are of another model, of other "
                "pictures (seed, count) or of another batch: choose another --name"
            )
        self.rows = {Identity.of(row): row for row in kept}
        self.commands = [*(told for told in origin.commands if told not in self.commands), *self.commands]
        self.earlier_notes = list(origin.notes)

    def add(self, measured: Measured) -> None:
        """Keep a row, and the first of its pictures if it brings any."""
        identity = Identity.of(measured.row)
        if self.rows.get(identity) == measured.row:
            return
        self.rows[identity] = measured.row
        if measured.pictures:
            path = self._strip_path(identity)
            path.parent.mkdir(parents=True, exist_ok=True)
            in_one_row(measured.pictures[:SHOWN]).save(path, optimize=True)
        self.write()

    def pictures(self, row: Row) -> list[Image.Image] | None:
        """The pictures that are shown of a row; None if their file is gone."""
        path = self._strip_path(Identity.of(row))
        if not path.exists():
            return None
        with Image.open(path) as opened:
            strip = opened.convert("RGB")
        width_px = strip.width // min(SHOWN, row.scenes)
        return [strip.crop((left, 0, left + width_px, strip.height)) for left in range(0, strip.width, width_px)]

    def write(self) -> None:
        """rows.json, table.md, and README.md with the table."""
        rows = self.compared()
        write_json(self.rows_path, rows, self.origin)
        (self.folder / "table.md").write_text(markdown(rows) + "\n")
        (self.folder / "README.md").write_text(summary(self.folder, rows, self.origin))

    def _strip_path(self, identity: Identity) -> Path:
        """Beside the rows, but in no commit: megabytes that only the sheets are made of."""
        return self.folder / "shown" / f"{identity.mask}-{identity.method}-{identity.digest}.png"


def in_one_row(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in one row, without a gap."""
    width_px, height_px = pictures[0].size
    strip = Image.new("RGB", (width_px * len(pictures), height_px))
    for number, picture in enumerate(pictures):
        strip.paste(picture, (number * width_px, 0))
    return strip
