"""Users and groups: names, numbers, and what is refused."""

import grp
import pwd

import pytest

from prhelper.host.accounts import UnknownAccountError, look_up
from prhelper.host.privileges import Identity

NOBODY = pwd.getpwnam("nobody")
DAEMON = grp.getgrnam("daemon")


@pytest.mark.parametrize(
    ("user", "group", "expected"),
    [
        (None, None, Identity(None, None)),
        ("nobody", None, Identity(NOBODY.pw_uid, NOBODY.pw_gid)),
        (str(NOBODY.pw_uid), None, Identity(NOBODY.pw_uid, NOBODY.pw_gid)),
        ("nobody", "daemon", Identity(NOBODY.pw_uid, DAEMON.gr_gid)),
        (None, "daemon", Identity(None, DAEMON.gr_gid)),
        ("4000000000", "4000000001", Identity(4000000000, 4000000001)),
    ],
)
def test_names_and_numbers_are_found(user: str | None, group: str | None, expected: Identity) -> None:
    assert look_up(user, group) == expected


@pytest.mark.parametrize(
    ("user", "group", "text"),
    [
        ("no-such-user", None, "--user no-such-user: there is no such user"),
        (None, "no-such-group", "--group no-such-group: there is no such group"),
        ("4000000000", None, "add its group with --group"),
        ("4294967295", None, "there is no such user"),
        ("", None, "there is no such user"),
    ],
)
def test_unknown_accounts_are_refused_by_name(user: str | None, group: str | None, text: str) -> None:
    with pytest.raises(UnknownAccountError, match=text):
        look_up(user, group)
