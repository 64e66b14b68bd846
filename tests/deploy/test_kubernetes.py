"""The Kubernetes base: schemas, and that what names something else there names what is there.

What this does not prove: that a cluster runs it. The objects of the Prometheus Operator are held to each
other and to the programs here, not to the Operator's own schemas, which no package brings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import sunhelm
from controllers.main import main as controller
from exporter.main import main as exporter

VERSIONS = ("1.29", "1.33", "1.37")
OPERATOR = "monitoring.coreos.com/v1"
PROGRAMS = {"exporter": exporter, "controller": controller}


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def kustomization(folder: Path) -> Any:
    return yaml.safe_load((folder / "kustomization.yaml").read_text())


@pytest.fixture(scope="module")
def objects(folder: Path, kustomization: Any) -> Any:
    """Every object, by kind and name."""
    files = [folder / name for name in kustomization["resources"]]
    found = [each for file in files for each in yaml.safe_load_all(file.read_text())]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


@pytest.fixture(scope="module")
def pod(objects: Any) -> Any:
    return objects["Deployment", "sunhelm"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def containers(pod: Any) -> Any:
    return {each["name"]: each for each in pod["containers"]}


@pytest.fixture(scope="module")
def site(folder: Path) -> Any:
    return yaml.safe_load((folder / "sunhelm.yml").read_text())


def flag(container: Any, name: str) -> str:
    (value,) = [part.split("=", 1)[1] for part in container["args"] if part.startswith(f"--{name}=")]
    return str(value)


def mounted(container: Any) -> dict[str, str]:
    return {each["mountPath"]: each["name"] for each in container["volumeMounts"]}


def rules(root: Path) -> str:
    """Return the rules of Prometheus as an object of the Operator."""
    groups = [
        group
        for path in sorted((root / "alerts").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    written = {
        "apiVersion": OPERATOR,
        "kind": "PrometheusRule",
        "metadata": {"name": "sunhelm"},
        "spec": {"groups": groups},
    }
    return "# Made from alerts/*.yml by `make golden`.\n" + yaml.safe_dump(
        written, sort_keys=False, width=110
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_objects_are_what_kubernetes_says(objects: Any, version: str) -> None:
    """As they are after kustomize has put its labels."""
    checked = 0
    for (kind, _), each in objects.items():
        if each["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(
                labelled(each) if kind == "Deployment" else each, version, strict=True
            )
            checked += 1
    assert checked == 3


def labelled(deployment: Any) -> Any:
    spec = deployment["spec"]
    labels = {"app.kubernetes.io/name": "sunhelm"}
    template = {**spec["template"], "metadata": {"labels": labels}}
    return {**deployment, "spec": {**spec, "selector": {"matchLabels": labels}, "template": template}}


def test_a_misspelt_field_would_be_noticed(objects: Any) -> None:
    service = objects["Service", "sunhelm"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {"prots": []}}, VERSIONS[-1], strict=True)


def test_kustomize_builds_it(folder: Path, objects: Any) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(objects) + 1  # and the site file
    assert {each["metadata"]["namespace"] for each in built} == {"sunhelm"}
    (deployment,) = [each for each in built if each["kind"] == "Deployment"]
    kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)
    told = deployment["spec"]["template"]["spec"]
    assert {each["image"] for each in told["containers"]} == {f"sunhelm:{sunhelm.__version__}"}
    (name,) = [each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap"]
    assert name in str(told["volumes"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_know_their_flags_and_the_site_file(
    containers: Any, folder: Path, tmp_path: Path, name: str
) -> None:
    program, *flags = containers[name]["args"]
    assert program == f"sunhelm-{name}"
    shutil.copy(folder / "sunhelm.yml", tmp_path)
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    given = [re.sub("/etc/sunhelm|/run/secrets/sunhelm", str(tmp_path), each) for each in flags]
    assert PROGRAMS[name]([*given, "--config.check"]) == 0


def test_both_processes_share_one_runtime_directory_and_what_lasts_has_a_claim(
    pod: Any, containers: Any, objects: Any
) -> None:
    volumes = {each["name"]: each for each in pod["volumes"]}
    used = {name for container in containers.values() for name in mounted(container).values()}
    assert used == set(volumes)
    for container in containers.values():
        assert mounted(container)[flag(container, "runtime.directory")] == "turns"
        assert "emptyDir" in volumes["turns"]
    state = Path(flag(containers["controller"], "state.directory"))
    # A folder of its own: a volume may hold more, such as lost+found, and be owned by root.
    assert mounted(containers["controller"])[str(state.parent)] == "journal"
    assert ("PersistentVolumeClaim", volumes["journal"]["persistentVolumeClaim"]["claimName"]) in objects


def test_there_is_never_a_second_controller(objects: Any) -> None:
    spec = objects["Deployment", "sunhelm"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (mode,) = objects["PersistentVolumeClaim", "sunhelm-journal"]["spec"]["accessModes"]
    assert mode == "ReadWriteOncePod"


def test_the_pod_runs_as_nobody_and_may_nothing(pod: Any, containers: Any, root: Path) -> None:
    assert pod["automountServiceAccountToken"] is False
    context = pod["securityContext"]
    assert context["runAsNonRoot"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in (root / "Dockerfile").read_text()
    assert context["fsGroup"] == context["runAsGroup"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers.values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_port_is_one_where_something_listens(objects: Any, containers: Any) -> None:
    service = objects["Service", "sunhelm"]
    for port in service["spec"]["ports"]:
        container = containers[port["name"]]
        assert container["ports"] == [{"name": port["targetPort"], "containerPort": port["port"]}]
        assert flag(container, "web.listen-address").endswith(f":{port['port']}")
    for endpoint in objects["ServiceMonitor", "sunhelm"]["spec"]["endpoints"]:
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    for container in containers.values():
        for kind in ("livenessProbe", "readinessProbe"):
            assert container[kind]["httpGet"]["port"] == container["name"]


def test_the_controller_is_asked_by_a_name_that_it_knows(
    objects: Any, containers: Any, kustomization: Any
) -> None:
    name = f"sunhelm.{kustomization['namespace']}.svc"
    assert flag(containers["controller"], "web.allowed-host") == name
    (endpoint,) = [
        each
        for each in objects["ServiceMonitor", "sunhelm"]["spec"]["endpoints"]
        if each["port"] == "controller"
    ]
    (address,) = [each for each in endpoint["relabelings"] if each["targetLabel"] == "__address__"]
    asked = address["separator"].join(["sunhelm", kustomization["namespace"]])
    assert address["replacement"].replace("$1", asked) == f"{name}:10481"
    for kind in ("livenessProbe", "readinessProbe"):
        headers = containers["controller"][kind]["httpGet"]["httpHeaders"]
        assert headers == [{"name": "Host", "value": "localhost"}]


def test_the_token_is_one_secret(objects: Any, pod: Any, containers: Any) -> None:
    (volume,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    endpoints = objects["ServiceMonitor", "sunhelm"]["spec"]["endpoints"]
    (credentials,) = [each["authorization"]["credentials"] for each in endpoints if "authorization" in each]
    file = Path(flag(containers["controller"], "web.bearer-token-file"))
    assert mounted(containers["controller"])[str(file.parent)] == "token"
    assert credentials == {"name": volume["secretName"], "key": file.name}


def test_prometheus_probes_every_device_of_the_site_by_its_family(
    objects: Any, site: Any, kustomization: Any
) -> None:
    probes = [each["spec"] for (kind, _), each in objects.items() if kind == "Probe"]
    for probe in probes:
        assert probe["prober"] == {"url": f"sunhelm.{kustomization['namespace']}.svc:10480", "path": "/probe"}
        assert probe["jobName"] == "sunhelm"
    probed = {
        device: probe["targets"]["staticConfig"]["labels"]
        for probe in probes
        for device in probe["targets"]["staticConfig"]["static"]
    }
    name = site["site"]["name"]
    assert probed == {
        device: {"site": name, "family": said["family"]} for device, said in site["devices"].items()
    }


def test_the_jobs_have_the_names_that_the_rules_know(objects: Any, root: Path) -> None:
    jobs = {
        job["job_name"]
        for job in yaml.safe_load((root / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    }
    endpoints = objects["ServiceMonitor", "sunhelm"]["spec"]["endpoints"]
    named = {
        each["replacement"]
        for endpoint in endpoints
        for each in endpoint["relabelings"]
        if each["targetLabel"] == "job"
    }
    assert named | {"sunhelm"} == jobs


def test_the_rules_are_those_of_the_alerts(golden: Any, root: Path, folder: Path) -> None:
    golden.check(folder / "prometheusrule.yaml", rules(root))


@pytest.mark.integration
def test_promtool_accepts_the_rules(promtool: str, objects: Any, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(objects["PrometheusRule", "sunhelm"]["spec"]))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
