"""What Helm makes of the chart, and the tools that look at it."""

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
CASES = {path.stem: path for path in sorted((CHART / "ci").glob("*.yaml"))}
# Helm that is built without its release's flags takes itself for one of an old Kubernetes.
KUBE = ("--kube-version", "1.34.0")
Manifest = dict[str, Any]

_VALIDATE = """
import json, sys, kubernetes_validate as k
for manifest in json.load(sys.stdin):
    where = manifest["kind"] + "/" + manifest["metadata"]["name"]
    try:
        k.validate(manifest, sys.argv[1], strict=True)
    except k.SchemaNotFoundError:
        print(where + ": unknown kind")
    except k.ValidationError as error:
        print(where + ": " + error.message + " at " + ".".join(map(str, error.path)))
"""


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Its notes about the links in files/ are taken out of what it says."""
    done = subprocess.run(
        [ROOT / ".cache" / "bin" / "helm", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    done.stderr = "\n".join(line for line in done.stderr.splitlines() if "found symbolic link" not in line)
    return done


@functools.cache
def rendered(case: str) -> str:
    """The manifests of a case, as text; hooks too."""
    done = helm("template", "pathbound", CHART, "--namespace", "crm", "--values", CASES[case], *KUBE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(case: str) -> list[Manifest]:
    return [one for one in yaml.safe_load_all(rendered(case)) if one]


def of_kind(case: str, *kinds: str) -> dict[str, Manifest]:
    """By name."""
    return {one["metadata"]["name"]: one for one in manifests(case) if one["kind"] in kinds}


def workloads(case: str) -> Iterator[tuple[str, Manifest, Manifest, Manifest]]:
    """Every Deployment and Job: its name, itself, its pod's spec and its one container."""
    for name, one in of_kind(case, "Deployment", "Job").items():
        pod = one["spec"]["template"]["spec"]
        [container] = pod["containers"]
        yield name, one, pod, container


def faults(case: str, version: str) -> list[str]:
    """What kubernetes-validate, which carries Kubernetes' schemas, says against a version of it."""
    done = subprocess.run(
        [ROOT / ".cache" / "kubernetes-validate" / "bin" / "python", "-c", _VALIDATE, version],
        input=json.dumps(manifests(case)),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()
