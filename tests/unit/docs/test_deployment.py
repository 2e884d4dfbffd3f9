"""The systemd unit and the Dockerfile speak of commands, variables and files that are there."""

from __future__ import annotations

import ast
import json
import re
import shlex
from fnmatch import fnmatch

import pytest

from ctiroute.cli import build_parser
from ctiroute.settings import environment_names, load_settings
from tests.unit.docs.pages import ROOT, blocks

(UNIT,) = (block.text for block in blocks("ini") if block.page == "docs/how-to/run-as-a-service.md")
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
DOCKER_PAGE = (ROOT / "docker" / "README.md").read_text(encoding="utf-8")
IGNORED = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.*)$", re.sub(r"\\\n\s*", " ", DOCKERFILE), re.MULTILINE)


def unit(key: str) -> list[str]:
    """Return every value of a key of the unit, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


@pytest.mark.parametrize("command", unit("ExecStart") + unit("ExecStartPre"))
def test_the_unit_starts_a_command_that_is_there(command: str) -> None:
    """With the options it has."""
    program, *arguments = shlex.split(command)
    assert program == "/opt/ctiroute/bin/ctiroute"
    assert callable(build_parser().parse_args(arguments).run)


def test_variables_are_ones_that_ctiroute_knows() -> None:
    """An unknown variable stops the service."""
    names = {pair.partition("=")[0] for pair in unit("Environment")}
    names |= set(re.findall(r"\bCTIROUTE_\w+", DOCKERFILE + DOCKER_PAGE))
    assert len(names) >= 5
    assert {name.removesuffix("_FILE") for name in names} <= set(environment_names())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ReadWritePaths", str(load_settings(None, {}).data_dir)),
    ],
)
def test_the_unit_is_hardened(key: str, value: str) -> None:
    """The service writes to its data directory and nowhere else."""
    assert unit(key) == [value]
    assert unit("User") == ["ctiroute"]


def test_the_image_copies_files_that_are_there_and_not_ignored() -> None:
    """Sources of COPY stand in the repository, and reach the builder."""
    sources = [source for word, rest in INSTRUCTIONS if word == "COPY" for source in rest.split()[:-1] if not source.startswith("--")]
    assert len(sources) >= 4
    allowed = [line[1:] for line in IGNORED if line.startswith("!")]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not any(fnmatch(source, pattern) for pattern in allowed)] == []


def test_the_image_runs_without_rights_and_checks_its_health() -> None:
    """The last stage is not root, by a number that a cluster may check; its health check is Python that compiles and asks for readiness."""
    last = INSTRUCTIONS[max(index for index, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]
    assert ("USER", "10001") in last
    assert last.index(("USER", "10001")) < [word for word, _ in last].index("ENTRYPOINT")
    (check,) = (rest for word, rest in last if word == "HEALTHCHECK")
    program, option, code = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    assert "/health/ready" in code
    ast.parse(code)


def test_the_image_starts_the_service() -> None:
    """ENTRYPOINT and CMD together are a command of ctiroute."""
    said = dict(INSTRUCTIONS)
    program, *arguments = json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"])
    assert program == "ctiroute"
    assert callable(build_parser().parse_args(arguments).run)
