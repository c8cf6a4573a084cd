"""Sessions that are put to rest and never stepped."""

from prhelper.channel import BareCoroutine, Direction, Waiter
from prhelper.scheduler.resting import RestingSet, Strand


def ignore(_: object) -> None:
    """For sessions that never end."""


async def session() -> None:
    """Never stepped here."""


def at_rest(resting: RestingSet, fd: int, deadline: float | None = None) -> tuple[Strand, Waiter]:
    coroutine: BareCoroutine[None] = session()
    coroutine.close()
    strand, waiter = Strand(coroutine, ignore), Waiter(fd, Direction.READ, deadline)
    assert resting.rest(strand, waiter) is None
    return strand, waiter
