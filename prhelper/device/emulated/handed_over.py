"""The emulated units of a process, for the one that goes on with them: all that they are, not only what APTPL keeps."""

import json
from collections.abc import Mapping
from dataclasses import replace

from ...scsi.sense import Sense
from .state import Nexus, State, nexus_from_dict, nexus_to_dict

_VERSION = 1


class UnitsError(ValueError):
    """What another process has left cannot be read; the text says why."""


def encode(run: str, states: Mapping[str, State]) -> bytes:
    """The units by name, and what names of connections made by that process have in common (`initiators`)."""
    units = {name: _to_dict(state) for name, state in states.items()}
    return json.dumps({"version": _VERSION, "run": run, "units": units}).encode()


def decode(data: bytes) -> tuple[str, dict[str, State]]:
    """Read what `encode` made. Raises UnitsError."""
    try:
        fields = json.loads(data)
        if (version := fields["version"]) != _VERSION:
            raise UnitsError(f"they are in version {str(version)[:20]}, and this prhelper knows {_VERSION}")
        return str(fields["run"]), {name: _from_dict(state) for name, state in fields["units"].items()}
    except UnitsError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnitsError("they are damaged") from error


def _to_dict(state: State) -> dict[str, object]:
    attentions = [
        {"nexus": nexus_to_dict(nexus), "sense": [sense.key, sense.asc, sense.ascq]}
        for nexus, sense in state.attentions
    ]
    return {**state.to_dict(), "generation": state.generation, "attentions": attentions, "ports": state.ports}


def _from_dict(data: dict[str, object]) -> State:
    generation, attentions, ports = data["generation"], data["attentions"], data["ports"]
    if not isinstance(generation, int) or not isinstance(attentions, list) or not isinstance(ports, list):
        raise TypeError
    pending: tuple[tuple[Nexus, Sense], ...] = tuple(
        (nexus_from_dict(each["nexus"]), Sense(*map(int, each["sense"]))) for each in attentions
    )
    return replace(State.from_dict(data), generation=generation, attentions=pending, ports=tuple(map(int, ports)))
