"""Whether multipathd keeps keys in a file, by what it says of its configuration."""

import os
from pathlib import Path

import pytest

from prhelper.device.multipath.multipathd import Multipathd

from ....support.multipathd_stand_in import message, pieces, serving

US = os.getuid()

WWID = "360014050000000000000000000000001"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "multipathd.socket")


def config(defaults: str = "", *maps: str) -> bytes:
    """A reply to `show config local`, in multipathd's own words."""
    of_all = f"\treservation_key {defaults}\n" if defaults else ""
    sections = "".join(f"\tmultipath {{\n{each}\t}}\n" for each in maps)
    blacklist = f'blacklist {{\n\tdevnode "!^(sd[a-z])"\n\twwid "{WWID}"\n}}\n'
    devices = 'devices {\n\tdevice {\n\t\tvendor "LIO-ORG"\n\t}\n}\noverrides {\n}\n'
    return f"defaults {{\n\tverbosity 2\n{of_all}}}\n{blacklist}{devices}multipaths {{\n{sections}}}\n".encode()


def section(wwid: str, key: str) -> str:
    of_map = f"\t\treservation_key {key}\n" if key else ""
    return f'\t\twwid "{wwid}"\n\t\talias "x {{"\n{of_map}'


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (config(), False),
        (config('"file"'), True),
        (config("0xaaa"), False),
        (config('"file"', section(WWID, "")), True),
        (config('"file"', section(WWID, "0xaaa:aptpl")), False),
        (config("", section(WWID, '"file"')), True),
        (config("0xaaa", section(WWID, '"file"')), True),
        (config("", section("other", '"file"')), False),
        (config('"file"', section("other", "0xaaa")), True),
        (config("", section("other", ""), section(WWID, '"file"')), True),
        (config("", section(WWID, ""), section("other", '"file"')), False),
        (config('"file"', section(WWID, "0xaaa"), section(WWID, '"file"')), False),
        (b"timeout\n", None),
        (b"fail\nmultipath-tools v0.11.1\nCLI commands reference:\n", None),
    ],
)
def test_whether_a_map_has_its_key_in_the_file(path: str, reply: bytes, answer: bool | None) -> None:
    with serving(path, pieces(message(reply))) as server:
        assert Multipathd((path,), uid=US).keeps_keys(WWID) is answer
    assert server.requests == [b"show config local\0"]


def test_quotes_in_a_wwid_are_doubled(path: str) -> None:
    with serving(path, pieces(message(config("", section('a""b', '"file"'))))):
        assert Multipathd((path,), uid=US).keeps_keys('a"b') is True
