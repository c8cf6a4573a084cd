"""The DaemonSet is what Kubernetes knows, and what KubeVirt expects of the helper; tests/daemon/kubevirt runs it."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ..support import manifest
from ..support.programs import require_module

DOCS = Path(__file__).parents[2] / "docs"
PLACE = "/var/run/kubevirt/daemons/pr"


@pytest.fixture
def daemon_set() -> dict[str, Any]:
    return manifest.daemon_set()


@pytest.fixture
def schemas() -> Any:
    require_module("kubernetes_validate", "make venv")
    return importlib.import_module("kubernetes_validate")


@pytest.mark.parametrize("version", ["1.29", "1.33", "the latest"])
def test_kubernetes_knows_every_field(schemas: Any, daemon_set: dict[str, Any], version: str) -> None:
    schemas.validate(daemon_set, schemas.latest_version() if "latest" in version else version, strict=True)


def test_field_that_does_not_exist_is_refused(schemas: Any, daemon_set: dict[str, Any]) -> None:
    daemon_set["spec"]["template"]["spec"]["hostPIDs"] = True
    with pytest.raises(schemas.ValidationError, match="hostPIDs"):
        schemas.validate(daemon_set, schemas.latest_version(), strict=True)


def test_pod_is_as_that_of_kubevirts_own_helper(daemon_set: dict[str, Any]) -> None:
    pod = daemon_set["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["hostPID"]
    assert container["command"] + container["args"] == ["/entrypoint.sh", "-k", f"{PLACE}/pr-helper.sock"]
    assert container["securityContext"] == {"privileged": True, "runAsUser": 0}
    volumes = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert mounted == {place: place for place in (PLACE, "/dev", "/var/lib/prhelper-multipath")}


def test_page_patches_the_container_of_virt_handler() -> None:
    require_module("yaml", "make venv")
    yaml = importlib.import_module("yaml")
    text = (DOCS / "kubevirt.md").read_text()
    whole, other = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (patch,) = yaml.safe_load(whole)["spec"]["customizeComponents"]["patches"]
    assert (patch["resourceType"], patch["resourceName"], patch["type"]) == ("DaemonSet", "virt-handler", "strategic")
    for each in (patch["patch"], yaml.safe_load(other)["patch"]):
        (container,) = json.loads(each)["spec"]["template"]["spec"]["containers"]
        assert container["name"] == "pr-helper"
