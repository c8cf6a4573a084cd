"""Findings for people and for programs: the worst first."""

import textwrap
from collections.abc import Iterable

from ...host.chosen_text import printable
from ..output import RED, WIDTH, YELLOW, coloured
from .causes import CAUSES
from .finding import Finding, Severity

_COLOURS = {Severity.ERROR: RED, Severity.WARNING: YELLOW}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, the worst first, and those that are alike in the order of the way of a command."""
    unlike = dict.fromkeys(findings)
    return sorted(unlike, key=lambda each: (-each.cause.severity, CAUSES.index(each.cause)))


def as_text(finding: Finding) -> str:
    """A few lines."""
    severity = finding.cause.severity
    head = f"{severity.name.lower()}: {printable(finding.about)} [{finding.cause.code}]"
    parts = [_wrapped(finding.cause.means), _wrapped(finding.seen, "seen: "), _wrapped(finding.remedy, "do:   ")]
    return "\n".join([coloured(head, _COLOURS[severity]), *parts])


def looked_at(names: Iterable[str]) -> str:
    """What else would have been named, had anything been wrong with it."""
    return textwrap.fill(f"Looked at: {printable(', '.join(names))}", WIDTH, break_long_words=False)


def _wrapped(text: str, label: str = "") -> str:
    return textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=f"  {label}",
        subsequent_indent="  " + " " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(finding: Finding) -> dict[str, object]:
    """The type Finding of docs/prhelperctl.md."""
    return {
        "code": finding.cause.code,
        "severity": finding.cause.severity.name.lower(),
        "about": finding.about,
        "means": finding.cause.means,
        "seen": finding.seen,
        "remedy": finding.remedy,
    }
