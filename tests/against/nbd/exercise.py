"""Work for the NBD client: writes, zeroes and reads in random order, eight requests at once where there is a loop."""

import random
from collections.abc import Sequence

import anyio

from ...unit.channel.contexts import LOOPS, Context
from .client import Client
from .wire import Command, CommandFlag


async def exercise(client: Client, context: Context, start: int, size: int) -> bytes:
    """Write, zero and read back pieces of a region, in random order: what the region must hold in the end."""
    choose = random.Random(start)
    content = bytearray(size)

    async def piece(offset: int, length: int) -> None:
        content[offset : offset + length] = data = choose.randbytes(length)
        await client.write(start + offset, data, choose.choice([0, CommandFlag.FUA]))
        assert await client.read(start + offset, length) == data
        if choose.random() < 0.3:
            await client.command(Command.WRITE_ZEROES, start + offset, length)
            content[offset : offset + length] = bytes(length)
            assert await client.read(start + offset, length) == bytes(length)

    offsets = [*range(0, size, 65536)]
    choose.shuffle(offsets)
    lanes = [offsets[lane::8] for lane in range(8)]

    async def work(offsets: Sequence[int]) -> None:
        for offset in offsets:
            await piece(offset, min(choose.randrange(1, 65537), size - offset))

    await client.command(Command.WRITE_ZEROES, start, size)
    if context in LOOPS:
        async with anyio.create_task_group() as tasks:
            for lane in lanes:
                tasks.start_soon(work, lane)
    else:
        for lane in lanes:
            await work(lane)
    return bytes(content)
