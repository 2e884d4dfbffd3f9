"""The compose file and the images, without an engine: the compose specification's own schema, hadolint, and what no schema asks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ctiroute.settings import load_settings

pytestmark = pytest.mark.lengthy

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
DOCKERFILES = (DOCKER / "Dockerfile", DOCKER / "asterisk" / "Dockerfile")
SERVICES = ("node-1", "node-2", "postgres", "valkey", "asterisk", "balancer")


def tool(name: str) -> str:
    """Return the path of a program that came with a Python package."""
    return str(Path(sys.executable).parent / name)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Give the compose file, its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of docker/ in which secrets.sh has run."""
    copy = tmp_path_factory.mktemp("site") / "docker"
    shutil.copytree(DOCKER, copy, ignore=shutil.ignore_patterns("secrets"))
    shutil.copytree(ROOT / "asterisk_conf", copy.parent / "asterisk_conf")
    subprocess.run([copy / "secrets.sh"], check=True)  # noqa: S603 - our own script
    return copy


def test_compose_file_follows_the_specification() -> None:
    """The schema is the compose specification's, as check-jsonschema carries it."""
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DOCKER / "compose.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfile_has_no_fault(dockerfile: Path) -> None:
    """Hadolint finds nothing, down to its hints."""
    done = subprocess.run([tool("hadolint"), "--no-color", dockerfile], capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout


def test_the_services(compose: dict[str, Any]) -> None:
    """Two nodes, a store, what they share, a switch, a balancer; nothing else."""
    assert tuple(compose["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_fenced(compose: dict[str, Any], name: str) -> None:
    """Each runs as a user of its own that can gain no rights, writes to its volumes alone, and is bounded and watched."""
    service = compose["services"][name]
    image = ""
    if "build" in service:
        context = DOCKER / service["build"]["context"]
        image = (context / service["build"].get("dockerfile", "Dockerfile")).read_text(encoding="utf-8")
    user = str(service.get("user") or re.findall(r"^USER (\S+)", image, re.MULTILINE)[-1])
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user), "a number, and not root"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "always"
    assert service["mem_limit"]
    assert "healthcheck" in service or "\nHEALTHCHECK " in image
    assert "privileged" not in service
    assert service.get("network_mode") != "host"


def test_only_screens_and_phones_are_reached_from_outside(compose: dict[str, Any]) -> None:
    """Neither a store nor a manager interface nor FastAGI is published, and what is, on this machine alone unless it is asked for."""
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == {"balancer", "asterisk"}
    for port in published["balancer"] + published["asterisk"]:
        assert re.match(r"127\.0\.0\.1:|\$\{\w+:-127\.0\.0\.1:", port), port
    assert not [port for port in published["asterisk"] if "5038" in port]


def test_secrets_are_files_that_the_script_makes(compose: dict[str, Any], made: Path) -> None:
    """No secret stands in the compose file; each that a service asks for is there, readable for it, in a folder that is closed."""
    used = {secret for service in compose["services"].values() for secret in service.get("secrets", ())}
    assert used == set(compose["secrets"])
    for secret in compose["secrets"].values():
        file = made / secret["file"]
        assert file.stat().st_size > 20
        assert file.stat().st_mode & 0o777 == 0o644
    assert (made / "secrets").stat().st_mode & 0o777 == 0o700
    given = {name: value for service in compose["services"].values() for name, value in service.get("environment", {}).items()}
    for name, value in given.items():
        if re.search("PASSWORD|SECRET|STORE|REDIS", name):
            assert name.endswith("_FILE")
            assert value.startswith("/run/secrets/")


def test_script_leaves_secrets_alone(made: Path) -> None:
    """Run again, it changes nothing: a new password of a database that has one already would lock everybody out."""
    before = {file.name: file.read_bytes() for file in (made / "secrets").iterdir()}
    subprocess.run([made / "secrets.sh"], check=True)  # noqa: S603 - our own script
    assert before == {file.name: file.read_bytes() for file in (made / "secrets").iterdir()}


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    """Each file and folder that a service is given exists: an engine would make an empty folder of it."""
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert (DOCKER / source).exists(), volume
                assert target.endswith(":ro"), volume
            else:
                assert source in compose["volumes"], volume


def test_node_starts_with_these_settings(compose: dict[str, Any], made: Path) -> None:
    """The settings a node reads, with its variables and secrets, have no fault, and lead to the other services."""
    text = (made / "ctiroute.yml").read_text(encoding="utf-8").replace("/run/secrets", str(made / "secrets"))
    (made / "node.yml").write_text(text, encoding="utf-8")
    for name in ("node-1", "node-2"):
        variables = {
            key: value.replace("/run/secrets", str(made / "secrets"))
            if key.endswith("_FILE")
            else re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value)
            for key, value in compose["services"][name]["environment"].items()
        }
        settings = load_settings(made / "node.yml", variables)
        addresses = {
            name: it["networks"]["inside"]["ipv4_address"] for name, it in compose["services"].items() if "ipv4" in str(it["networks"])
        }
        assert settings.fastagi.allow_from == (addresses["asterisk"] + "/32",)
        assert settings.web.trusted_proxies == (addresses["balancer"] + "/32",)
        assert [asterisk.host for asterisk in settings.asterisk] == [addresses["asterisk"]]
        assert settings.asterisk[0].secret in (made / "secrets" / "asterisk_manager").read_text(encoding="utf-8")
        password = (made / "secrets" / "postgres_password").read_text(encoding="utf-8")
        assert settings.redis == (made / "secrets" / "redis_url").read_text(encoding="utf-8")
        assert settings.store == f"postgresql://ctiroute:{password}@postgres:5432/ctiroute"


def test_the_nodes_are_known_by_their_addresses(compose: dict[str, Any]) -> None:
    """The dialplan's list and the balancer's are those of the compose file."""
    nodes = [compose["services"][name]["networks"]["inside"]["ipv4_address"] for name in ("node-1", "node-2")]
    dialplan = (DOCKER / "asterisk" / "extensions.conf").read_text(encoding="utf-8")
    assert "CTI_SITE_AGI=" + "&".join(f"agi://{node}:4573/route" for node in nodes) + ")" in dialplan
    balancer = (DOCKER / "haproxy.cfg").read_text(encoding="utf-8")
    assert re.findall(r"server (node-\d) (\S+):8080", balancer) == [("node-1", nodes[0]), ("node-2", nodes[1])] * 2
