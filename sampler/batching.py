"""Which requests go together: one call at a time, the caller served least first, in few batch sizes.

An owner is whoever the work is done for. Owners share the network as in start-time fair queueing (Goyal, Vin and Cheng
1996, "Start-time fair queueing"): each has a virtual time, the rows it was served, and one that comes anew starts at
the least of the others'. So a hundred processes of one owner take no more of the network than one of another.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar, assert_never

from sampler.evaluation import Decode, Denoise, Differentiate, Encode

Costly: TypeAlias = Denoise | Encode | Decode | Differentiate
ItemT = TypeVar("ItemT")

UNLIMITED = 1 << 16
"""More rows than any call has."""


@dataclass(frozen=True)
class BatchSizes:
    """The few batch sizes that the networks are given, so that only few graphs are compiled.

    `network` counts rows: a guided request has two. `image` is for the autoencoder. Where nothing is compiled every
    size may be listed, and nothing is ever padded. `seconds` says what a call of the network takes at some of its
    sizes, when it has been measured; then a call takes the size that answers most rows in a second.
    """

    network: tuple[int, ...] = (1, 2, 4, 8, 16)
    image: tuple[int, ...] = (1, 2, 4)
    seconds: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for sizes in (self.network, self.image):
            if not sizes or sizes[0] < 1 or list(sizes) != sorted(set(sizes)):
                raise ValueError("batch sizes must be positive and ascending")

    def of(self, request: Costly) -> tuple[int, ...]:
        """The sizes for a request's kind."""
        return self.network if isinstance(request, Denoise) else self.image

    def padded(self, request: Costly, taken: int) -> int:
        """The size that `taken` rows of the request's kind are padded to; themselves beyond the largest."""
        return next((size for size in self.of(request) if size >= taken), taken)

    def best(self, request: Costly, waiting: int, most: int) -> int:
        """How many of `waiting` rows to take, at most `most` (1 or more): a size, or all if they fill one well.

        Unless calls have been measured, all that may be taken.
        """
        sizes = [size for size in self.of(request) if size <= most] or [most]
        times = self.seconds if isinstance(request, Denoise) else {}
        if any(size not in times for size in sizes):
            return min(waiting, sizes[-1])
        return min(waiting, max(sizes, key=lambda size: (min(waiting, size) / times[size], size)))


@dataclass(frozen=True, eq=False)
class Waiting(Generic[ItemT]):
    """A request, what asked for it, for whom, and its place among all requests."""

    item: ItemT
    request: Costly
    owner: Hashable
    place: int


class FairShare:
    """How many rows each owner was served."""

    def __init__(self) -> None:
        self._served: dict[Hashable, float] = {}

    def served(self, owner: Hashable) -> float:
        """The owner's virtual time."""
        return self._served[owner]

    def serve(self, owner: Hashable, taken: int) -> None:
        """Put `taken` rows on the owner's account."""
        self._served[owner] += taken

    def keep(self, owners: set[Hashable]) -> None:
        """Forget all owners but `owners`; those that come anew start level with the one served least."""
        self._served = {owner: served for owner, served in self._served.items() if owner in owners}
        least = min(self._served.values(), default=0.0)
        for owner in owners:
            self._served.setdefault(owner, least)


class Limits:
    """Rows that fit into memory, by `shape`; learned from calls that did not fit.

    Memory that was short may be there again: after `calls` that fitted, a limit is doubled.
    """

    def __init__(self, calls: int = 500) -> None:
        self._calls = calls
        self._rows: dict[object, int] = {}
        self._fitted: dict[object, int] = {}

    def of(self, shape: object) -> int:
        """At most so many; a large number when nothing has failed."""
        return self._rows.get(shape, UNLIMITED)

    def lower(self, shape: object, most: int) -> None:
        """More than `most` did not fit."""
        self._rows[shape], self._fitted[shape] = min(most, self.of(shape)), 0

    def fitted(self, shape: object) -> None:
        """A call of this shape did fit."""
        if shape not in self._rows:
            return
        self._fitted[shape] += 1
        if self._fitted[shape] >= self._calls:
            self._rows[shape], self._fitted[shape] = 2 * self._rows[shape], 0
            if self._rows[shape] > UNLIMITED:
                del self._rows[shape]


def rows(request: Costly) -> int:
    """Rows that a request takes in its batch."""
    return request.conditioning.nfe if isinstance(request, Denoise) else 1


def choose(
    waiting: Sequence[Waiting[ItemT]], sizes: BatchSizes, share: FairShare, limits: Limits
) -> list[Waiting[ItemT]]:
    """The next call's requests, all of one kind and shape; served to `share`. `waiting` is not empty.

    The first is the one that waits longest for the owner served least, and others like it fill the call.
    """
    share.keep({one.owner for one in waiting})
    order = _in_turn(waiting, share)
    first = order[0].request
    alike = [one for one in order if shape(one.request) == shape(first)]
    most = min(sizes.of(first)[-1], limits.of(shape(first)))
    room = sizes.best(first, sum(rows(one.request) for one in alike), most)
    batch: list[Waiting[ItemT]] = []
    for one in alike:
        if batch and rows(one.request) > room:
            break
        room -= rows(one.request)
        batch.append(one)
        share.serve(one.owner, rows(one.request))
    return batch


def _in_turn(waiting: Sequence[Waiting[ItemT]], share: FairShare) -> list[Waiting[ItemT]]:
    """Ordered by what its owner was served before it, then by arrival."""
    due = {one.owner: share.served(one.owner) for one in waiting}
    turns = []
    for one in sorted(waiting, key=lambda one: one.place):
        turns.append((due[one.owner], one.place, one))
        due[one.owner] += rows(one.request)
    return [one for _, _, one in sorted(turns, key=lambda turn: turn[:2])]


def shape(request: Costly) -> object:
    """Equal for requests that may share a call."""
    match request:
        case Denoise():
            return Denoise, request.x_t.shape, request.extra_channels, request.conditioning.prompt.shape
        case Encode():
            return Encode, request.image.shape
        case Decode():
            return Decode, request.latents.shape
        case Differentiate():
            return id(request)  # like no other: it runs alone
        case _:
            assert_never(request)
