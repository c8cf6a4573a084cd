"""The service actions of PERSISTENT RESERVE by name, with sg_persist's names for what they take (SPC-4, 6.15 and 6.16).

param_rk                 RESERVATION KEY: the key that this initiator is registered with; 0 if with none
param_sark               SERVICE ACTION RESERVATION KEY: the new key, or that of the initiator to preempt
prout_type               TYPE of the reservation
param_aptpl              APTPL: registrations are to survive a loss of power
param_alltgpt            ALL_TG_PT: register with every target port
param_unreg              UNREG: unregister this initiator when its reservation has moved
transport_ids            the initiator ports to register as well (SPEC_I_PT)
relative_target_port     the target port through which the new holder is seen
"""

from collections.abc import Sequence
from pathlib import Path

from ..scsi.commands import ALL_TG_PT, APTPL, MOVE_APTPL, MOVE_UNREG, register_and_move, reserve_in, reserve_out
from ..scsi.parameter_data import (
    Capabilities,
    FullStatus,
    HeldReservation,
    Keys,
    parse_capabilities,
    parse_full_status,
    parse_keys,
    parse_reservation,
)
from ..scsi.reservation import Command, InAction, OutAction, ReservationType
from ..scsi.transport_id import TransportID
from .connection import DEFAULT_SOCKET, Connection, HasFileno
from .errors import require_good

Device = int | HasFileno
"""An open disk: its descriptor, or a file object."""


class Client(Connection):
    """A helper, asked by name. `Connection` tells of its life, and `execute` of what a `device` must be.

    Every method raises the ScsiError that the device answered with, and what `execute` raises. Those that read need
    `device` open for reading, and raise ParameterDataError if it returned rubbish; the others need it open for writing.
    """

    async def read_keys(self, device: Device) -> Keys:
        """READ KEYS."""
        return parse_keys(await self._read(InAction.READ_KEYS, device))

    async def read_reservation(self, device: Device) -> HeldReservation:
        """READ RESERVATION."""
        return parse_reservation(await self._read(InAction.READ_RESERVATION, device))

    async def report_capabilities(self, device: Device) -> Capabilities:
        """REPORT CAPABILITIES."""
        return parse_capabilities(await self._read(InAction.REPORT_CAPABILITIES, device))

    async def read_full_status(self, device: Device) -> FullStatus:
        """READ FULL STATUS."""
        return parse_full_status(await self._read(InAction.READ_FULL_STATUS, device))

    async def register(
        self,
        device: Device,
        *,
        param_rk: int = 0,
        param_sark: int,
        param_aptpl: bool = False,
        param_alltgpt: bool = False,
        transport_ids: Sequence[TransportID] = (),
    ) -> None:
        """REGISTER: `param_sark` in place of `param_rk`; 0 unregisters."""
        flags = _flags(param_aptpl, param_alltgpt)
        await self._write(reserve_out(OutAction.REGISTER, param_rk, param_sark, 0, flags, transport_ids), device)

    async def register_and_ignore_existing_key(
        self, device: Device, *, param_sark: int, param_aptpl: bool = False, param_alltgpt: bool = False
    ) -> None:
        """REGISTER AND IGNORE EXISTING KEY: `param_sark`, whatever key there is; 0 unregisters."""
        flags = _flags(param_aptpl, param_alltgpt)
        await self._write(reserve_out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, param_sark, 0, flags), device)

    async def reserve(self, device: Device, *, param_rk: int, prout_type: ReservationType) -> None:
        """RESERVE the logical unit."""
        await self._write(reserve_out(OutAction.RESERVE, param_rk, 0, prout_type), device)

    async def release(self, device: Device, *, param_rk: int, prout_type: ReservationType) -> None:
        """RELEASE the reservation; `prout_type` must be its type."""
        await self._write(reserve_out(OutAction.RELEASE, param_rk, 0, prout_type), device)

    async def clear(self, device: Device, *, param_rk: int) -> None:
        """CLEAR the reservation and every registration, of others too."""
        await self._write(reserve_out(OutAction.CLEAR, param_rk), device)

    async def preempt(self, device: Device, *, param_rk: int, param_sark: int, prout_type: ReservationType) -> None:
        """PREEMPT: remove the registrations with `param_sark`, and take their reservation over."""
        await self._write(reserve_out(OutAction.PREEMPT, param_rk, param_sark, prout_type), device)

    async def preempt_and_abort(
        self, device: Device, *, param_rk: int, param_sark: int, prout_type: ReservationType
    ) -> None:
        """PREEMPT AND ABORT: the same, and abort the commands of those initiators."""
        await self._write(reserve_out(OutAction.PREEMPT_AND_ABORT, param_rk, param_sark, prout_type), device)

    async def register_and_move(
        self,
        device: Device,
        *,
        param_rk: int,
        param_sark: int,
        transport_id: TransportID,
        relative_target_port: int,
        param_aptpl: bool = False,
        param_unreg: bool = False,
    ) -> None:
        """REGISTER AND MOVE: register `transport_id` with `param_sark`, and give it the reservation."""
        flags = (MOVE_APTPL if param_aptpl else 0) | (MOVE_UNREG if param_unreg else 0)
        await self._write(register_and_move(param_rk, param_sark, transport_id, relative_target_port, flags), device)

    async def _read(self, action: InAction, device: Device) -> bytes:
        command = reserve_in(action)
        outcome = await self.execute(command, device)
        require_good(command, outcome)
        return outcome.data

    async def _write(self, command: Command, device: Device) -> None:
        require_good(command, await self.execute(command, device))


async def connect(path: str | Path = DEFAULT_SOCKET, timeout: float | None = None) -> Client:
    """Connect to the helper at `path`. `timeout`: as for `Connection`. Raises Unreachable."""
    return await Client(path, timeout).open()


def _flags(aptpl: bool, all_tg_pt: bool) -> int:
    return (APTPL if aptpl else 0) | (ALL_TG_PT if all_tg_pt else 0)
