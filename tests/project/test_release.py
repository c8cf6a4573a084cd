"""A release, made in a scratch repository of this working tree; and what is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import require_program
from tools.debian.bundled import CACHE
from tools.release.text import CHANGELOG, RefusedError, released_changelog

REPOSITORY = Path(__file__).parents[2]
VERSION = "7.8.9"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose first commit is the working tree as it is now."""
    require_program("git", "git")
    scratch = tmp_path_factory.mktemp("release") / "prhelper"
    try:
        known = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).splitlines()
    except subprocess.CalledProcessError:
        pytest.skip("this is no git repository, so nothing is released from it")
    for name in filter(lambda name: (REPOSITORY / name).exists(), known):
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, scratch / name)
    if CACHE.exists():
        shutil.copytree(CACHE, scratch / CACHE.relative_to(REPOSITORY))
    run("git", "init", "--quiet", cwd=scratch)
    run("git", "add", "--all", cwd=scratch)
    run("git", "commit", "--quiet", "--message", "Everything", cwd=scratch)
    return scratch


def run(*command: str, cwd: Path) -> str:
    return attempt(*command, cwd=cwd, check=True).stdout


def attempt(*command: str, cwd: Path, check: bool = False) -> subprocess.CompletedProcess[str]:
    names = {f"GIT_{who}_{what}": "test@test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settings = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, cwd=cwd, env=settings, check=check, capture_output=True, text=True)


def release(scratch: Path, version: str = VERSION) -> subprocess.CompletedProcess[str]:
    return attempt(sys.executable, "-m", "tools.release", version, cwd=scratch)


def test_release_is_refused_by_name_and_changes_nothing(scratch: Path) -> None:
    before = run("git", "rev-parse", "HEAD", cwd=scratch)
    assert "no release: 'next' is no version such as 1.2.3" in release(scratch, "next").stderr
    added = scratch / "forgotten"
    added.touch()
    assert "the tree is not clean; commit or remove:\n?? forgotten" in release(scratch).stderr
    added.unlink()
    run("git", "tag", f"v{VERSION}", cwd=scratch)
    assert f"the tag v{VERSION} exists" in release(scratch).stderr
    run("git", "tag", "--delete", f"v{VERSION}", cwd=scratch)
    assert run("git", "status", "--porcelain", cwd=scratch) == ""
    assert run("git", "rev-parse", "HEAD", cwd=scratch) == before
    assert not (scratch / "dist").exists()


@pytest.mark.parametrize(
    ("changelog", "why"),
    [
        ("# Changelog\n\n## [Unreleased]\n\n### Added\n", "section Unreleased of CHANGELOG.md is empty"),
        ("## [Unreleased]\n\n## [0.1.0] - 2026-12-24\n\n- One.\n", "section Unreleased of CHANGELOG.md is empty"),
        ("## [0.1.0] - 2026-12-24\n\n- One.\n", "has no section Unreleased"),
        ("## [Unreleased]\n\n- Two.\n\n## [7.10.0] - 2026-12-24\n\n- One.\n", "7.8.9 is not newer than 7.10.0"),
    ],
)
def test_changelog_that_does_not_lead_to_the_version_is_refused(changelog: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        released_changelog(changelog, VERSION, "2027-01-31")


def test_unreleased_changes_become_the_version_s() -> None:
    before = "# Changelog\n\n## [Unreleased]\n\nSoon.\n\n### Added\n\n- Two.\n\n## [0.1.0] - 2026-12-24\n\n- One.\n"
    after = before.replace("\n\nSoon.\n", f"\n\n## [{VERSION}] - 2027-01-31\n")
    assert released_changelog(before, VERSION, "2027-01-31") == after


def test_released_are_packages_of_the_version_with_checksums_and_a_tag(scratch: Path) -> None:
    done = release(scratch)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run("git", "status", "--porcelain", cwd=scratch) == ""
    assert run("git", "describe", cwd=scratch) == f"v{VERSION}\n"
    assert run("git", "show", "--format=%s", "--name-only", "HEAD", cwd=scratch).split("\n") == [
        f"Release {VERSION}",
        *("", "CHANGELOG.md", "packaging/rpm/prhelper.spec", "prhelper/__init__.py", ""),
    ]
    assert f"## [Unreleased]\n\n## [{VERSION}] - " in (scratch / CHANGELOG).read_text()

    published = scratch / f"dist/prhelper-{VERSION}"
    names = {path.name for path in published.iterdir()}
    assert names >= {f"prhelper-{VERSION}.tar.gz", f"prhelper-{VERSION}-py3-none-any.whl", "SHA256SUMS"}
    for program, ending in {"dpkg-buildpackage": "_all.deb", "rpmbuild": ".src.rpm"}.items():
        built = [name for name in names if name.endswith(ending) and VERSION in name]
        assert (len(built), f"needs {program}" in done.stdout) == ((1, False) if shutil.which(program) else (0, True))
    others = sorted(names - {"SHA256SUMS"})
    sums = [f"{hashlib.sha256((published / name).read_bytes()).hexdigest()}  {name}" for name in others]
    assert (published / "SHA256SUMS").read_text().splitlines() == sums
