"""`ctiroute db copy`: everything of one store into another, with progress, and counts compared at the end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from hashlib import blake2b
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ctiroute.cli.loop import run
from ctiroute.cli.output import EXIT_NO, EXIT_OK, add_config, err, out, settings_of
from ctiroute.errors import StoreError
from ctiroute.store import open_store
from ctiroute.store.copying import copy_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from rich.progress import TaskID

    from ctiroute.cli.output import Commands
    from ctiroute.store.copying import Compared, Kind, Step


def add(actions: Commands) -> None:
    """Add the command to those of `db`."""
    parser = actions.add_parser(
        "copy",
        help="copy everything into another store",
        description="Copies everything into another store: from the embedded one into PostgreSQL, or back. Cut off, the same command "
        "goes on from there; run again, it brings over what has changed. Prints the counts of both; exit code 1: the target has fewer.",
    )
    add_config(parser)
    parser.add_argument("--from", dest="source", required=True, metavar="URL", help="store to read: sqlite:///... or postgresql://...")
    parser.add_argument("--to", dest="target", metavar="URL", help="store to write (default: the one in the settings)")
    parser.set_defaults(run=_copy)


def _copy(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    source, target = arguments.source, arguments.target or settings.store_url
    place = settings.data_dir / "copies" / f"{blake2b(repr((source, target)).encode(), digest_size=12).hexdigest()}.json"
    columns = TextColumn("{task.description:14}"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,}"), TimeRemainingColumn()
    with Progress(*columns, console=err) as bars:
        shown: dict[Kind, TaskID] = {}

        def progress(step: Step) -> None:
            if step.kind not in shown:
                shown[step.kind] = bars.add_task(_words(step.kind), total=step.total)
            bars.update(shown[step.kind], completed=step.done)

        compared = run(_run(source, target, place, progress))
    out.print(f"{'':14} {'from':>14} {'to':>14}", markup=False)
    for each in compared:
        remark = "  fewer!" if each.target < each.source else "  had more" if each.target > each.source else ""
        out.print(f"{_words(each.kind):14} {each.source:>14,} {each.target:>14,}{remark}", markup=False, soft_wrap=True)
    return EXIT_NO if any(each.target < each.source for each in compared) else EXIT_OK


async def _run(source_url: str, target_url: str, place: Path, progress: Callable[[Step], None]) -> list[Compared]:
    source, target = open_store(source_url), open_store(target_url)
    if source_url == target_url:
        raise StoreError("both are the same store: name another one with --to, or set `store`")
    if await source.schema_version() == 0:
        raise StoreError("there is no store to read at --from")
    async with AsyncExitStack() as stack:
        for store in (source, target):
            stack.push_async_callback(store.close)
            await store.open()
            await store.check()
        return await copy_store(source, target, place, progress)


def _words(kind: Kind) -> str:
    return kind.replace("_", " ")
