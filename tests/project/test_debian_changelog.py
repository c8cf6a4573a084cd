"""debian/changelog, made from CHANGELOG.md."""

import pytest

from tools.debian.changelog import entries, formatted

RELEASED = """\
# Changelog

## [Unreleased]
{unreleased}
## [0.2.0] - 2027-01-31

### Fixed

- A fault that takes
  two lines.
- Another.

## [0.1.0] - 2026-12-24

### Added

- Everything.
"""
DAY = 86400
CHRISTMAS = 1798070400  # 2026-12-24
SECOND_RELEASE = CHRISTMAS + 38 * DAY


@pytest.mark.parametrize("unreleased", ["", "\n### Added\n\n- More.\n"])
def test_what_is_unreleased_comes_first_and_releases_keep_their_dates(unreleased: str) -> None:
    found = list(entries(RELEASED.format(unreleased=unreleased), "0.3.0", 5 * DAY))
    released = [
        ("0.2.0", SECOND_RELEASE, ["A fault that takes two lines.", "Another."]),
        ("0.1.0", CHRISTMAS, ["Everything."]),
    ]
    assert found == [("0.3.0", 5 * DAY, ["More."])] * bool(unreleased) + released


def test_the_newest_entry_has_the_revision_and_long_lines_are_broken() -> None:
    text = formatted(entries(RELEASED.format(unreleased=f"\n- {'long ' * 30}\n"), "0.3.0", 0), "-2~debian12")
    assert [line for line in text.splitlines() if line.startswith("prhelper")] == [
        "prhelper (0.3.0-2~debian12) unstable; urgency=medium",
        "prhelper (0.2.0-1) unstable; urgency=medium",
        "prhelper (0.1.0-1) unstable; urgency=medium",
    ]
    assert "  Thu, 24 Dec 2026 00:00:00 +0000" in text
    changes = [line for line in text.splitlines() if line.startswith("  ")]
    assert changes[0].startswith("  * long")
    assert 70 < max(map(len, changes)) < 80
