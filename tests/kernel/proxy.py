"""On the host, a test under `guest/` is a proxy: it waits for the report that the guest sends of the real one.

pytest collects the guest's modules here as it does there, so selection, parametrization and test ids are its own. The
collected functions are then replaced by `GuestTest` items, whose report *is* the report made in the guest: outcome,
traceback and captured output, serialized by pytest's own hooks.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ..support.programs import missing
from .kernel import MissingError
from .qemu import UnfitError
from .reports import GuestError, Reports

GUEST = Path(__file__).parent / "guest"
REPORTS = pytest.StashKey[Reports]()


class GuestTest(pytest.Item):
    """Stands on the host for the test of the same id in the guest."""

    def __init__(self, *, original: pytest.Item, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.guest_report: pytest.TestReport | None = None
        self._reportinfo = original.reportinfo()
        self.add_marker(pytest.mark.timeout(0))  # the boot has limits of its own

    @property
    def suite(self) -> str:
        return self.path.relative_to(GUEST).parts[0]

    def runtest(self) -> None:
        try:
            data = self.session.stash[REPORTS].report(self.suite, self.nodeid)
        except MissingError as error:
            missing(str(error))
        except UnfitError as error:
            pytest.skip(str(error))
        report = self.config.hook.pytest_report_from_serializable(config=self.config, data=data)
        if isinstance(report.longrepr, list):  # a tuple, before JSON: a skip's file, line and reason
            report.longrepr = tuple(report.longrepr)
        self.guest_report = report

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        if isinstance(excinfo.value, GuestError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self._reportinfo


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Once others have selected and sorted: replace the tests that belong into a guest.

    They come last: their machines go on beside the others meanwhile, and take longest.
    """
    for index, item in enumerate(items):
        if item.path.is_relative_to(GUEST) and item.parent is not None:
            items[index] = GuestTest.from_parent(item.parent, name=item.name, original=item)
    items.sort(key=lambda item: isinstance(item, GuestTest))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the machines for exactly the tests that are selected."""
    tests: dict[str, list[str]] = {}
    for item in session.items:
        if isinstance(item, GuestTest):
            tests.setdefault(item.suite, []).append(item.nodeid)
    if tests and not session.config.option.collectonly:
        session.stash[REPORTS] = Reports(tests)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Let the guest's report take the place of ours."""
    report = yield
    if isinstance(item, GuestTest) and call.when == "call" and item.guest_report is not None:
        return item.guest_report
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the machines: of use when the run was cut short."""
    if REPORTS in session.stash:
        session.stash[REPORTS].stop()
