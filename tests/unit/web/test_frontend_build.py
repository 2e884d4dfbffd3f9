"""The operator page's build hook, and the page's own unit tests, run by Node from here so that one command runs all."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.lengthy

ROOT = Path(__file__).resolve().parents[3]
NEEDED = ("package.json", "package-lock.json", "tsconfig.json", "scripts", "src")


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Load hatch_build.py, which lies outside every package."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tools(hook: ModuleType) -> Any:
    """Find Node, with the page's packages installed."""
    node = hook.find_node()
    hook.install_packages(ROOT / "frontend", node)
    return node


@pytest.fixture
def tree(tmp_path: Path, tools: Any) -> Path:
    """Make a source tree of its own, which shares the installed packages."""
    return planted(tmp_path, tools)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory, hook: ModuleType, tools: Any) -> Path:
    """Make a source tree with its page built, for others to copy."""
    tree = planted(tmp_path_factory.mktemp("built"), tools)
    hook.build(tree, say=quiet)
    return tree


@pytest.fixture
def built(tmp_path: Path, built_once: Path) -> Path:
    """Copy a source tree with its page built."""
    return shutil.copytree(built_once, tmp_path / "built", symlinks=True)


def planted(tmp_path: Path, _tools: Any) -> Path:
    """Copy the sources into a folder; `_tools` have been installed by now."""
    for name in NEEDED:
        source, target = ROOT / "frontend" / name, tmp_path / "frontend" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    (tmp_path / "frontend/node_modules").symlink_to(ROOT / "frontend/node_modules")
    schema = tmp_path / "docs/reference/websocket.schema.json"
    schema.parent.mkdir(parents=True)
    shutil.copy(ROOT / "docs/reference/websocket.schema.json", schema)
    return tmp_path


def quiet(_text: str) -> None:
    """Say nothing."""


def test_units_of_the_page_pass(hook: ModuleType, tools: Any) -> None:
    """The pure parts of the page (screen, words, Markdown, outbox) do what their own tests say."""
    hook.run((*tools.node, "scripts/wire-types.mjs"), ROOT / "frontend")
    hook.run((*tools.node, "scripts/test.mjs"), ROOT / "frontend")


def test_page_fits_the_wire(hook: ModuleType, tools: Any) -> None:
    """The page compiles against the types made from the published schema of the websocket."""
    hook.run((*tools.node, "scripts/wire-types.mjs"), ROOT / "frontend")
    hook.run((*tools.node, "node_modules/typescript/bin/tsc", "--noEmit"), ROOT / "frontend")


def test_builds_once_per_input(hook: ModuleType, tree: Path) -> None:
    """A build makes a page that names its own files; the same inputs are not built twice, changed ones are."""
    static = tree / "src/ctiroute/web/static"
    assert hook.build(tree, say=quiet) is True
    page = (static / "index.html").read_text(encoding="utf-8")
    names = {path.name for path in static.iterdir()} - {"index.html", "build.json"}
    assert len(names) == 2
    assert all(f"/static/{name}" in page for name in names)
    assert "<style" not in page
    assert "<script>" not in page
    assert hook.build(tree, say=quiet) is False
    with (tree / "frontend/src/main.ts").open("a", encoding="utf-8") as file:
        file.write('console.info("changed");\n')
    assert hook.build(tree, say=quiet) is True
    assert {path.name for path in static.iterdir()} != names | {"index.html", "build.json"}


def test_missing_output_is_built_again(hook: ModuleType, built: Path) -> None:
    """A page that lost a file is not taken for complete."""
    assert hook.build(built, say=quiet) is False
    next((built / "src/ctiroute/web/static").glob("app-*.js")).unlink()
    assert hook.build(built, say=quiet) is True


def test_failed_build_keeps_the_page_and_says_why(hook: ModuleType, built: Path) -> None:
    """A mistake in the sources is reported with the bundler's words, and the page that stood before still stands."""
    static = built / "src/ctiroute/web/static"
    before = sorted(path.name for path in static.iterdir())
    (built / "frontend/src/main.ts").write_text('import "./nowhere";\n', encoding="utf-8")
    with pytest.raises(hook.FrontendError, match=r"nowhere"):
        hook.build(built, say=quiet)
    assert sorted(path.name for path in static.iterdir()) == before
    assert [path.name for path in static.parent.iterdir()] == ["static"]


def test_built_tree_without_sources_is_enough(hook: ModuleType, tmp_path: Path) -> None:
    """Where only the built page is (a package), nothing is run; where there is neither, the error says what to take."""
    static = tmp_path / "src/ctiroute/web/static"
    with pytest.raises(hook.FrontendError, match="complete source tree or sdist"):
        hook.build(tmp_path, say=quiet)
    static.mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>", encoding="utf-8")
    assert hook.build(tmp_path, say=quiet) is False


def test_a_package_that_cannot_be_installed_names_the_remedy(hook: ModuleType, tree: Path) -> None:
    """When npm fails, the message holds npm's words and what to do about it."""
    (tree / "frontend/node_modules").unlink()
    (tree / "frontend/package-lock.json").write_text("{}", encoding="utf-8")
    with pytest.raises(hook.FrontendError, match=r"(?s)npm.*npm_config_registry"):
        hook.build(tree, say=quiet)


def test_lock_names_no_registry() -> None:
    """The lock file works with any mirror: it names packages and hashes, no hosts."""
    lock = (ROOT / "frontend/package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved": "http' not in lock


def test_a_changed_wire_is_a_changed_page(hook: ModuleType) -> None:
    """The schema of the websocket is one of the inputs."""
    assert hook.SCHEMA in {path.relative_to(ROOT) for path in hook._inputs(ROOT)}
