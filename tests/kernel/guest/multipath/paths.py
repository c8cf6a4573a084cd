"""A path of the map, and ways to lose it."""

from __future__ import annotations

from pathlib import Path

from .multipathd import Multipathd, eventually


class MapPath:
    """The path by one nexus. Its disk may get another name when it is deleted and comes back."""

    def __init__(self, disk: Path, multipathd: Multipathd) -> None:
        self._multipathd = multipathd
        device = Path("/sys/block", disk.name, "device").resolve()
        self._host = next(folder for folder in device.parents if folder.name.startswith("host"))

    @property
    def name(self) -> str | None:
        """The disk's name; None if it is deleted."""
        return next((folder.name for folder in self._host.glob("target*/*/block/*")), None)

    def take_offline(self) -> None:
        """Let every command fail from now on. multipathd finds out in its own time."""
        self._set_state("offline")

    def bring_online(self) -> None:
        self._set_state("running")

    def fail(self) -> None:
        """Take it offline, and wait until the map does without."""
        self.take_offline()
        self._wait_for("failed")

    def delete(self) -> None:
        """Remove the disk, and wait until the map does without."""
        (self._folder() / "delete").write_text("1")
        eventually(lambda: self.name is None, "the disk goes", self._multipathd.said)
        eventually(lambda: len(self._multipathd.paths()) < 2, "the map loses it", self._multipathd.said)

    def restore(self) -> None:
        """Bring it back, however it went, and wait until the map uses it."""
        if self.name is None:
            (self._host / "scsi_host" / self._host.name / "scan").write_text("- - -")
            eventually(self._is_linked, "the disk comes back", self._multipathd.said)
        elif (self._folder() / "state").read_text() != "running\n":
            self.bring_online()
        self._read_size_again()
        self._wait_for("active")

    def _read_size_again(self) -> None:
        """If the kernel has asked for its size while it was away, it takes the disk for empty."""
        if Path("/sys/block", self.name or "", "size").read_text() == "0\n":
            (self._folder() / "rescan").write_text("1")

    def _set_state(self, state: str) -> None:
        # Without the newline the kernel says EINVAL.
        (self._folder() / "state").write_text(f"{state}\n")

    def _is_linked(self) -> bool:
        """Whether it is there, and in /sys/block, where the kernel puts it a moment later."""
        return self.name is not None and Path("/sys/block", self.name).exists()

    def _folder(self) -> Path:
        return Path(f"/sys/block/{self.name}/device")

    def _wait_for(self, state: str) -> None:
        def reached() -> bool:
            return self._multipathd.paths().get(self.name or "") == state

        eventually(reached, f"{self.name} is {state}", lambda: (self._multipathd.paths(), self._multipathd.said()))
