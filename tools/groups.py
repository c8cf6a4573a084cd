"""The core: the modules that must be covered by tests, and by which tests. For `make coverage` and `make mutants`."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]


class Group(NamedTuple):
    """Modules, and the tests that must notice whatever is wrong with them.

    sources, tests: paths from the root of the repository; a folder is meant with all below it.
    every_condition: whether `make mutants` changes all conditions, or only the kinds that matter most: thousands of
        tests run long.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    every_condition: bool = True

    def modules(self) -> Iterator[Path]:
        """The files, as paths from the root of the repository."""
        for source in self.sources:
            path = REPOSITORY / source
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                yield file.relative_to(REPOSITORY)


_SEEN = ("seen", "registrations", "take_over", "unasked", "watching")

GROUPS = (
    Group("channel", ("prhelper/channel",), ("tests/unit/channel",), every_condition=False),
    Group("protocol", ("prhelper/protocol",), ("tests/unit/protocol",)),
    Group(
        "dispatch",
        ("prhelper/device/dispatch.py",),
        ("tests/unit/device/test_dispatch.py", "tests/unit/device/test_attentions.py"),
    ),
    Group(
        "session",
        ("prhelper/serving/session.py",),
        (
            "tests/unit/serving/test_session.py",
            "tests/unit/serving/test_session_answers.py",
            "tests/unit/serving/test_at_rest.py",
            "tests/unit/serving/test_on_behalf.py",
            "tests/unit/serving/test_handing_over.py",
            "tests/unit/serving/test_unasked.py",
            "tests/unit/serving/test_take_over.py",
        ),
    ),
    Group(
        "server",
        ("prhelper/serving/server.py", "prhelper/serving/machine_names.py"),
        (
            "tests/unit/serving/test_server.py",
            "tests/unit/serving/test_server_take_over.py",
            "tests/unit/serving/test_server_waiting.py",
            "tests/unit/serving/test_handing_over.py",
            "tests/unit/serving/test_machine_names.py",
        ),
    ),
    Group(
        "seen",
        tuple(f"prhelper/serving/{name}.py" for name in _SEEN),
        tuple(f"tests/unit/serving/test_{name}.py" for name in _SEEN),
    ),
    Group("control", ("prhelper/control",), ("tests/unit/control",)),
    Group(
        "client",
        ("prhelper/client", "prhelper/scsi/commands.py", "prhelper/scsi/parameter_data.py"),
        ("tests/unit/client", "tests/unit/scsi/test_parameter_data.py"),
    ),
    # The rest of prhelperctl is tested as a process (tests/daemon/ctl): these read what others answer.
    Group(
        "ctl",
        tuple(f"prhelper/ctl/{name}.py" for name in ("control", "qemu", "check/qmp", "check/on_multipathd")),
        tuple(
            f"tests/unit/ctl/{name}.py"
            for name in ("test_control", "test_qemu", "check/test_qmp", "check/test_on_multipathd")
        ),
    ),
    Group("scheduler", ("prhelper/scheduler",), ("tests/unit/scheduler",)),
    Group("rules", ("prhelper/device/multipath/rules",), ("tests/unit/device/multipath/rules",)),
)


def chosen(names: list[str]) -> list[Group]:
    """The groups of these names, or all of them. Exits with a message for a name that there is not."""
    known = {group.name: group for group in GROUPS}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"there is no group {unknown[0]}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(GROUPS)
