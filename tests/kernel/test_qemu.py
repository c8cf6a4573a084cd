"""Which QEMU of a suite will do, and how an unpacked one is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import qemu


@pytest.mark.parametrize(("suite", "least"), [("bookworm", 8), ("trixie", 11)])
def test_a_suite_with_an_older_qemu_is_unfit_and_the_words_name_another(suite: str, least: int) -> None:
    with pytest.raises(qemu.UnfitError, match=f"needs QEMU {least}, and {suite} has .*: PRHELPER_SUITE=forky"):
        qemu.require_major(suite, least)


@pytest.mark.parametrize(("suite", "least"), [("bookworm", 7), ("trixie", 10), ("forky", 11), ("unheard-of", 99)])
def test_a_suite_that_may_have_it_is_fit(suite: str, least: int) -> None:
    qemu.require_major(suite, least)


def test_an_unpacked_qemu_has_nothing_of_this_machine() -> None:
    unpacked = qemu.Qemu(Path("/elsewhere"))
    places = [word for word in unpacked.machine() if word.startswith("/")] + list(unpacked.environment.values())
    assert all(place.startswith("/elsewhere/usr/") for place in places)
    assert unpacked.command("qemu-pr-helper")[-1] == "/elsewhere/usr/bin/qemu-pr-helper"
