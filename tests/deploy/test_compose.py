"""`compose.yaml`: the published schema, and that every flag, file, name and port in it is real.

What this does not prove: that the images of others take the variables that their documents name, and that
containers start. There is neither a registry nor a container engine here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from controllers.main import main as controller
from exporter.main import main as exporter
from sunhelm.cli.main import main as sunhelm
from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS, secret_files, site_file

OURS = ("simulator", "exporter", "controller")
THEIRS = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
"""Services of others, and the programs of Debian whose flags they are given."""


@pytest.fixture(scope="module")
def compose(root: Path) -> Any:
    return yaml.safe_load((root / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose: Any) -> Any:
    return compose["services"]


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "deploy" / "compose"


@pytest.fixture(scope="module")
def site(folder: Path) -> Any:
    return yaml.safe_load((folder / "sunhelm.yml").read_text())


def flag(service: Any, name: str) -> str:
    (value,) = [part.split("=", 1)[1] for part in service["command"] if part.startswith(f"--{name}=")]
    return str(value)


def mounts(service: Any) -> dict[str, str]:
    """Return what is mounted where, by the place in the container."""
    volumes = dict(reversed(volume.split(":")[:2]) for volume in service.get("volumes", ()))
    return volumes | {each["target"]: each["source"] for each in service.get("configs", ())}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_it_is_what_the_compose_specification_says(compose: Any) -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    assert list(validator.iter_errors({"services": {"a": {"imgae": "x"}}}))  # it would notice


def test_everything_that_is_declared_is_used_and_the_other_way_round(compose: Any, services: Any) -> None:
    named = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == set(compose["volumes"])
    configs = {each["source"] for service in services.values() for each in service.get("configs", ())}
    assert configs == set(compose["configs"])
    secrets = {each for service in services.values() for each in service.get("secrets", ())}
    assert secrets == set(compose["secrets"])


def test_every_file_is_there_but_for_the_secrets(compose: Any, services: Any, root: Path) -> None:
    for each in compose["configs"].values():
        assert (root / each["file"]).is_file()
    folders = [v.split(":") for service in services.values() for v in service.get("volumes", ())]
    for source, _, mode in (each for each in folders if each[0].startswith(".")):
        assert mode == "ro"
        assert list((root / source).iterdir())
    ignored = (root / ".gitignore").read_text().split()
    assert {f"{Path(each['file']).parent}/" for each in compose["secrets"].values()} <= set(ignored)


def test_every_secret_that_is_read_is_granted(services: Any, site: Any, folder: Path) -> None:
    also = {
        "exporter": texts(site["influxdb"]),
        "controller": iter(()),
        "prometheus": iter([(folder / "prometheus.yml").read_text()]),
        "alertmanager": iter([(folder / "alertmanager.yml").read_text()]),
        "grafana": iter([(folder / "grafana-datasources.yml").read_text()]),
    }
    for name, service in services.items():
        said = [*texts(service.get("command")), *texts(service.get("environment")), *also.get(name, ())]
        read = {secret for text in said for secret in re.findall(r"/run/secrets/(\w+)", text)}
        assert read <= set(service.get("secrets", ())), name
        assert read or name == "simulator"


@pytest.mark.parametrize(("name", "main"), [("exporter", exporter), ("controller", controller)])
def test_our_programs_know_their_flags_and_the_site_file(
    services: Any, folder: Path, tmp_path: Path, name: str, main: Any
) -> None:
    program, *flags = services[name]["command"]
    assert program == f"sunhelm-{name}"
    text = (folder / "sunhelm.yml").read_text()
    for path in (*(folder / "simulated").iterdir(),):
        shutil.copy(path, tmp_path)
    for variable in ("/var/lib/sunhelm", "/run/secrets"):
        text = text.replace(variable, str(tmp_path))
    (tmp_path / "influxdb_token").write_text("token\n")
    (tmp_path / "controller_token").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "sunhelm.yml").write_text(text)
    given = [re.sub("/etc/sunhelm|/run/secrets", str(tmp_path), each) for each in flags]
    assert main([*given, "--config.check"]) == 0


def test_the_simulator_knows_its_flags(services: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = services["simulator"]["command"]
    assert program == "sunhelm"
    with pytest.raises(SystemExit) as ended:
        sunhelm([*arguments, "--help"])
    assert ended.value.code == 0
    known = capsys.readouterr().out
    assert all(each.split("=")[0] in known for each in arguments if each.startswith("--"))


@pytest.mark.integration
@pytest.mark.parametrize(("name", "program"), THEIRS.items())
def test_the_programs_of_others_know_their_flags(services: Any, name: str, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    for each in services[name]["command"]:
        known = done.stdout + done.stderr
        assert f"{each.split('=')[0]}=" in known


def test_both_processes_take_turns_and_what_lasts_lies_on_volumes(services: Any, site: Any) -> None:
    for name in ("exporter", "controller"):
        assert mounts(services[name])[flag(services[name], "runtime.directory")] == "turns"
    assert mounts(services["controller"])[flag(services["controller"], "state.directory")] == "journal"
    assert mounts(services["exporter"])[site["influxdb"]["spool"]] == "spool"


def test_volumes_of_ours_are_folders_of_the_image_so_that_its_user_owns_them(
    services: Any, root: Path
) -> None:
    text = (root / "Dockerfile").read_text()
    for name in OURS:
        for volume in services[name].get("volumes", ()):
            assert re.search(rf"--owner=65532 .*{re.escape(volume.split(':')[1])}\b", text)


def test_our_services_run_hardened_and_the_site_file_is_where_they_look(services: Any) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for name in ("exporter", "controller"):
        assert mounts(services[name])[flag(services[name], "config.file")] == "site"


def test_only_this_machine_reaches_what_is_published(services: Any) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert len(published) == len({port.split(":")[1] for port in published}) >= 6
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_configurations_are_the_shipped_ones_with_names_of_services(root: Path, folder: Path) -> None:
    places = {
        "127.0.0.1:10480": "exporter:10480",
        "127.0.0.1:10481": "controller:10481",
        "127.0.0.1:9093": "alertmanager:9093",
        "/etc/sunhelm/controller.token": "/run/secrets/controller_token",
    }
    for name in ("prometheus.yml", "alertmanager.yml"):
        text = (root / "deploy" / name).read_text()
        for here, there in places.items():
            text = text.replace(here, there)
        assert yaml.safe_load((folder / name).read_text()) == yaml.safe_load(text)


def test_rules_are_where_prometheus_looks(services: Any, folder: Path) -> None:
    (pattern,) = yaml.safe_load((folder / "prometheus.yml").read_text())["rule_files"]
    assert mounts(services["prometheus"])[str(PurePosixPath(pattern).parent)] == "./alerts"


def test_every_host_is_a_service_at_the_port_where_it_listens(services: Any, site: Any, folder: Path) -> None:
    listening = {
        "exporter": {10480},
        "controller": {10481},
        "prometheus": {9090},
        "alertmanager": {9093},
        "influxdb": {8086},
        "simulator": {10500 + offset for offset in PORT_OFFSETS.values()},
    }
    files = [site, *(yaml.safe_load(path.read_text()) for path in folder.glob("*.yml"))]
    urls = [urlsplit(text) for file in files for text in texts(file) if text.startswith("http://")]
    places = {(url.hostname, url.port) for url in urls}
    places |= {(device["host"], device["port"]) for device in site["devices"].values() if "host" in device}
    assert len(places) >= 15
    for host, port in places:
        assert port in listening[str(host)], f"{host}:{port}"
    for name in ("exporter", "controller"):
        assert flag(services[name], "web.listen-address") == f"0.0.0.0:{min(listening[name])}"
    assert flag(services["controller"], "web.allowed-host") == "controller"


def test_the_site_is_the_simulated_one(site: Any, folder: Path) -> None:
    ports = {name: 10500 + PORT_OFFSETS[name] for name in FAMILIES}
    simulated = site_file(FAMILIES, "simulator", ports)
    for section in ("accounts", "devices"):
        assert set(site[section]) == set(simulated[section])
        for name, said in simulated[section].items():
            assert said.items() <= site[section][name].items()
    shipped = {path.name: path.read_text().strip() for path in (folder / "simulated").iterdir()}
    assert shipped == secret_files(FAMILIES)


def test_grafana_finds_its_data_and_its_dashboards(services: Any, folder: Path, root: Path) -> None:
    service = services["grafana"]
    (provider,) = yaml.safe_load((folder / "grafana-dashboards.yml").read_text())["providers"]
    place = provider["options"]["path"]
    assert mounts(service)[place] == "./dashboards/json"
    home = PurePosixPath(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == place
    assert (root / "dashboards" / "json" / home.name).is_file()
    for kind in ("datasources", "dashboards"):
        assert f"/etc/grafana/provisioning/{kind}/sunhelm.yml" in mounts(service)
    sources = yaml.safe_load((folder / "grafana-datasources.yml").read_text())["datasources"]
    assert [source["type"] for source in sources if source.get("isDefault")] == ["prometheus"]


def test_influxdb_makes_what_the_exporter_writes_to(services: Any, site: Any, folder: Path) -> None:
    made = services["influxdb"]["environment"]
    assert made["DOCKER_INFLUXDB_INIT_BUCKET"] == site["influxdb"]["bucket"]
    assert made["DOCKER_INFLUXDB_INIT_ORG"] == site["influxdb"]["org"]
    assert made["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"] == site["influxdb"]["token_file"]
    sources = yaml.safe_load((folder / "grafana-datasources.yml").read_text())["datasources"]
    (source,) = [each for each in sources if each["type"] == "influxdb"]
    assert source["jsonData"]["dbName"] == site["influxdb"]["bucket"]
