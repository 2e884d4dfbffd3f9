"""Any sequence of good and bad saves ends with the last good one in use."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from ctiroute.app.rule_files import compile_texts
from ctiroute.app.rule_keeper import Change, RuleKeeper
from tests.examples import examples

FILES = st.sampled_from(["a.yml", "b.yml", "c.yaml"])
NAMES = st.sampled_from(["x", "y", "z"])
BROKEN = st.sampled_from(["rules: nonsense\n", "rules:\n  - name: [", "\0", "default: {menu: twice}\n", "rules:\n  - {name: n}\n"])
START = {"main.yml": "default: {menu: main}\n"}


class Saves(RuleBasedStateMachine):
    """An admin who saves and removes files, and a service that reads them. What is good is asked of the compiler itself."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.files = dict(START)
        self._write("main.yml")
        self.registry = CollectorRegistry()
        self.taken: list[Change] = []
        self.keeper = RuleKeeper(self.folder, self.registry, taken=self.taken.append, quiet_s=0)
        self.keeper.load()
        self.good = dict(START)
        self.pending = False

    def teardown(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def _write(self, name: str) -> None:
        (self.folder / name).write_text(self.files[name], encoding="utf-8")

    @rule(file=FILES, name=NAMES)
    def save_good(self, file: str, name: str) -> None:
        """Save a rule that is right by itself; two of one name are a mistake of both together."""
        self.files[file] = f"rules:\n  - name: {name}\n    when: {{dialed: '+38044{len(self.files):07}'}}\n    then: {{queue: {name}}}\n"
        self._write(file)
        self.pending = True

    @rule(file=FILES, text=BROKEN)
    def save_bad(self, file: str, text: str) -> None:
        """Save what is wrong by itself."""
        self.files[file] = text
        self._write(file)
        self.pending = True

    @precondition(lambda self: len(self.files) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Take a file away."""
        name = data.draw(st.sampled_from(sorted(self.files.keys() - START.keys())))
        del self.files[name]
        (self.folder / name).unlink()
        self.pending = True

    @rule()
    def reload(self) -> None:
        """Have the service read the folder."""
        try:
            compile_texts(self.files)
        except Exception:  # noqa: BLE001 - whatever it is, the service must not take it
            expected = False
        else:
            expected, self.good = True, dict(self.files)
        assert asyncio.run(self.keeper.reload()) is expected
        assert bool(self.keeper.fault) is not expected
        assert self.registry.get_sample_value("ctiroute_rules_good") == int(expected)
        self.pending = False

    @invariant()
    def the_last_good_one_is_in_use(self) -> None:
        """With the very texts that made it, and told once each time it changed."""
        if not hasattr(self, "keeper"):
            return
        assert self.keeper.current().version == compile_texts(self.good).version == self.taken[-1].version
        assert dict(self.keeper.texts()) == self.good
        assert all(one.version != other.version for one, other in zip(self.taken, self.taken[1:], strict=False))


Saves.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=20, deadline=None)
TestSaves = Saves.TestCase
