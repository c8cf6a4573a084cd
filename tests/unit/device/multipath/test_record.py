"""Entries as text and back, and names of directories."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prhelper.device.multipath import record
from prhelper.device.multipath.record import (
    VERSION,
    DamagedError,
    NewerError,
    _digest,
    decode,
    directory_name,
    encode,
    uuid_of,
)
from prhelper.device.multipath.rules.steps import Entry

UUID = "mpath-360014050000000000000000000000001"
ENTRY = Entry(0xAAAA0001, (0xBBBB0002,), 0xBBBB0002, ("sda", "sdb"), (1, 2**64 - 1), "sdc")

keys = st.integers(0, 2**64 - 1)
paths = st.text(max_size=8)
some_keys, some_paths = st.lists(keys, max_size=3).map(tuple), st.lists(paths, max_size=3).map(tuple)
entries = st.builds(Entry, keys, some_keys, keys, some_paths, some_keys, st.none() | paths, st.just(False))
uuids = st.binary(max_size=128).map(lambda data: data.decode("utf-8", "surrogateescape"))


@settings(deadline=None)
@given(uuids, entries)
def test_entry_comes_back_as_it_was_written(uuid: str, entry: Entry) -> None:
    assert decode(uuid, encode(uuid, entry)) == entry


@settings(deadline=None)
@given(uuids)
def test_any_uuid_has_a_name_that_a_directory_can_have(uuid: str) -> None:
    name = directory_name(uuid)
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert 0 < len(name.encode()) <= 255
    assert uuid_of(name) == uuid


@pytest.mark.parametrize(
    ("uuid", "name"),
    [
        (UUID, UUID),
        ("mpath-eui.00253:8", "mpath-eui.00253:8"),
        ("..", "=Li4"),
        ("mpath-../../etc", "=bXBhdGgtLi4vLi4vZXRj"),
        ("", "="),
        ("a\n", "=YQo"),
        ("\udcff" * 128, "=" + "_" * 170 + "8"),
    ],
)
def test_uuid_stays_legible_where_it_can(uuid: str, name: str) -> None:
    assert directory_name(uuid) == name
    assert uuid_of(name) == uuid


@pytest.mark.parametrize("name", ["lost+found", ".", "..", ".x", "=Li4=", "=L", "=Li4!", "=bXBhdGg", "=é"])
def test_name_of_no_map_is_told(name: str) -> None:
    assert uuid_of(name) is None


@settings(deadline=None)
@given(st.data())
def test_no_damaged_byte_gives_another_entry(data: st.DataObject) -> None:
    text = bytearray(encode(UUID, ENTRY))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DamagedError):
        assert decode(UUID, bytes(text)) == ENTRY  # another white space


@pytest.mark.parametrize("size", range(0, len(encode(UUID, ENTRY)) - 1, 7))
def test_torn_text_is_damaged(size: int) -> None:
    with pytest.raises(DamagedError):
        decode(UUID, encode(UUID, ENTRY)[:size])


def test_entry_of_another_map_is_damaged() -> None:
    with pytest.raises(DamagedError, match="not as it was written"):
        decode("mpath-other", encode(UUID, ENTRY))


@pytest.mark.parametrize("text", [b"[]", b"3", b"null", b'{"version": 1}', b"[" * 100_000, b"\xff\xfe"])
def test_other_json_is_damaged(text: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(UUID, text)


def written() -> dict[str, Any]:
    """The fields that `ENTRY` has in a text of this boot."""
    fields: dict[str, Any] = json.loads(encode(UUID, ENTRY))["entry"]
    return fields


def test_entry_of_another_boot_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode(UUID, ENTRY)
    monkeypatch.setattr(record, "boot_id", lambda: "another")
    assert decode(UUID, text) == ENTRY._replace(is_of_another_boot=True)
    assert decode(UUID, encode(UUID, ENTRY)) == ENTRY


def signed(fields: dict[str, Any], version: int = VERSION) -> bytes:
    """Text with a digest that is right."""
    return json.dumps({"version": version, "entry": fields, "digest": _digest(UUID, version, fields)}).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"wanted": -1},
        {"wanted": 2**64},
        {"wanted": "1"},
        {"wanted": None},
        {"new": 1.5},
        {"passing": 7},
        {"passing": ["7"]},
        {"stale": [2**64]},
        {"had": [7]},
        {"doubtful": 7},
        {"more": 7},
    ],
)
def test_entry_that_makes_no_sense_is_damaged_whatever_its_digest(change: dict[str, Any]) -> None:
    fields = written()
    assert decode(UUID, signed(fields)) == ENTRY
    with pytest.raises(DamagedError, match="no sense"):
        decode(UUID, signed({**fields, **change}))


@pytest.mark.parametrize("missing", [*Entry._fields[:-1], "boot"])
def test_entry_without_one_of_its_fields_is_damaged(missing: str) -> None:
    fields = written()
    del fields[missing]
    with pytest.raises(DamagedError, match="no sense"):
        decode(UUID, signed(fields))


def test_newer_version_is_not_taken_for_damage() -> None:
    with pytest.raises(NewerError, match=f"version {VERSION + 1}, known is {VERSION}"):
        decode(UUID, signed({"anything": 1}, VERSION + 1))
