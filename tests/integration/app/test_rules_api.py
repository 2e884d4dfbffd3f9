"""/api/v1/rules of a whole running service: real folder, real store, real keys."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from jsonschema import Draft202012Validator

from ctiroute.demo.company import CAMPAIGN_CALLER
from ctiroute.model import Scope
from ctiroute.web.api.keys import new_key
from tests.unit.app.office import Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

GOOD = "rules:\n  - name: {name}\n    when: {{}}\n    then: {{queue: promo}}\ndefault: {{menu: main}}\n"
BAD = "rules:\n  - name: later\n    when: {}\n    then: {que: promo}\ndefault: {menu: main}\n"


@dataclass
class Desk:
    """A running service, its folder of rules, and a program with a key."""

    room: Office
    folder: Path
    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: object | None = None, **more: Any) -> tuple[int, Any]:
        """Return status and answer of a request."""
        async with self.client.request(method, f"/api/v1/rules{path}", json=body, **more) as answer:
            return answer.status, json.loads(await answer.read())

    def save(self, name: str) -> None:
        """Save a rule of this name, as an editor does."""
        (self.folder / "a.yml").write_text(GOOD.format(name=name), encoding="utf-8")

    async def saved(self, name: str) -> str:
        """Save, have it read, and return the version."""
        self.save(name)
        status, answer = await self.ask("POST", "/reload")
        assert (status, answer["rules"]) == (200, [name])
        return str(answer["version"])


@asynccontextmanager
async def desk(tmp_path: Path, *scopes: Scope) -> AsyncIterator[Desk]:
    """Start a service with one rule, and give a program a key."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yml").write_text(GOOD.format(name="first"), encoding="utf-8")
    (folder / "a.test.yml").write_text("cases: []\n", encoding="utf-8")
    async with office(tmp_path / "data", rules=folder) as room:
        key, token, secret_hash = new_key("admin page", scopes or tuple(Scope), room.clock(), None)
        await room.service.store.put_api_key(key, secret_hash)
        async with aiohttp.ClientSession(room.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield Desk(room, folder, client)


async def test_the_rules_in_use_and_a_bad_save(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reload of a bad file is answered with every mistake and its place; the rules in use stay, and are shown as they were."""
    async with desk(tmp_path) as at:
        status, before = await at.ask("GET", "")
        assert (status, before["rules"], before["files"]) == (200, ["first"], {"a.yml": GOOD.format(name="first")})
        assert (before["faults"], before["behind"]) == ([], {})
        (at.folder / "a.yml").write_text(BAD, encoding="utf-8")
        with caplog.at_level(logging.INFO):
            status, problem = await at.ask("POST", "/reload")
        assert (status, problem["type"]) == (422, "urn:ctiroute:problem:wrong-rules")
        assert [(fault["line"], fault["column"]) for fault in problem["faults"]] == [(4, 12)]
        _, now = await at.ask("GET", "")
        assert (now["version"], now["files"], len(now["faults"])) == (before["version"], before["files"], 1)
        assert "(admin page) had the rules read: they are wrong" in caplog.text


async def test_files_are_checked_and_kept_nowhere(tmp_path: Path) -> None:
    """The same files would have the same version in the folder; mistakes come with file, line, column and remedy."""
    async with desk(tmp_path, Scope.RULES_READ) as at:
        status, answer = await at.ask("POST", "/check", {"files": {"a.yml": GOOD.format(name="first")}})
        assert (status, answer["ok"], answer["version"]) == (200, True, at.room.service.rules.current().version)
        status, answer = await at.ask("POST", "/check", {"files": {"a.yml": BAD, "scripts/x.md": "Hello"}})
        assert (status, answer["ok"], answer["faults"][0]["file"]) == (200, False, "a.yml")
        status, answer = await at.ask("POST", "/check", {"files": {"a.yml": GOOD.format(name="x") + "lists: {vip: [a]}\n"}})
        assert (status, answer["ok"], [(each["file"], each["line"]) for each in answer["warnings"]][-1]) == (200, True, ("a.yml", 6))
        status, answer = await at.ask("POST", "/check", {"files": {"notes.txt": "no rules"}})
        assert (status, answer["ok"], answer["faults"][0]["message"]) == (200, False, "holds no rule files")
        wrong: tuple[object, ...] = ({"files": {}}, {"files": {"a.yml": 1}}, {"file": {}}, [])
        for body in wrong:
            assert (await at.ask("POST", "/check", body))[0] == 400
        assert [path.name for path in sorted(at.folder.iterdir())] == ["a.test.yml", "a.yml"]


async def test_versions_and_what_changed(tmp_path: Path) -> None:
    """Each version says who, when and how; its diff is against the one before, or against the one that is named."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        second, third = await at.saved("second"), await at.saved("third")
        status, answer = await at.ask("GET", "/versions")
        used = answer["versions"]
        assert (status, [each["version"] for each in used]) == (200, [third, second, first])
        noticed = {("api", "admin page"), ("save", at.folder.owner())}  # the watch may have been first
        assert {(each["how"], each["who"]) for each in used[:2]} <= noticed
        assert (used[2]["how"], used[0]["node"]) == ("start", at.room.service.node.name)
        _, whole = await at.ask("GET", f"/versions/{second[:6]}")
        assert whole["files"] == {"a.yml": GOOD.format(name="second")}
        _, changed = await at.ask("GET", f"/versions/{second}/diff")
        assert (changed["before"], "-  - name: first\n+  - name: second\n" in changed["diff"]) == (first, True)
        _, changed = await at.ask("GET", f"/versions/{third}/diff?against={first}")
        assert "-  - name: first\n+  - name: third\n" in changed["diff"]
        _, changed = await at.ask("GET", f"/versions/{first}/diff")
        assert (changed["before"], changed["diff"].startswith("--- /dev/null\n+++ ")) == ("", True)
        assert (await at.ask("GET", "/versions/ffffffffffff"))[0] == 404
        assert (await at.ask("GET", "/versions/ff/diff"))[0] == 404
        assert (await at.ask("GET", "/versions?limit=0"))[0] == 400
        assert len((await at.ask("GET", "/versions?limit=1"))[1]["versions"]) == 1


async def test_back_to_an_earlier_version(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The folder holds it again, calls are decided by it before the answer, who did it is kept, and files of cases stay."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        second = await at.saved("second")
        (at.folder / "b.yml").write_text("lists: {vip: [x]}\n", encoding="utf-8")
        assert (await at.ask("POST", "/reload"))[0] == 200
        status, planned = await at.ask("POST", "/rollback", {"version": first[:5], "dry_run": True})
        assert (status, planned["written"], planned["removed"], planned["in_use"]) == (200, ["a.yml"], ["b.yml"], False)
        assert (at.folder / "b.yml").exists()
        with caplog.at_level(logging.INFO):
            status, done = await at.ask("POST", "/rollback", {"version": first})
        assert (status, done["after"], done["in_use"], done["saved_to"]) == (200, first, True, None)
        assert sorted(path.name for path in at.folder.iterdir()) == ["a.test.yml", "a.yml"]
        assert (await at.room.route("lab:1.1")).rule == "first"
        newest = (await at.ask("GET", "/versions?limit=1"))[1]["versions"][0]
        assert (newest["version"], newest["how"], newest["who"]) == (first, "rollback", "admin page")
        assert f"(admin page) put rules {first} in place of " in caplog.text
        assert (await at.ask("POST", "/rollback", {"version": "ffffffffffff"}))[0] == 404
        status, done = await at.ask("POST", "/rollback", {"version": second})
        assert (await at.room.route("lab:1.2")).rule == "second"


async def test_back_from_a_bad_save(tmp_path: Path) -> None:
    """The bad files are saved beside; without a version the rules in use are put back, for those are what the admin misses."""
    async with desk(tmp_path) as at:
        await at.saved("second")
        (at.folder / "a.yml").write_text(BAD, encoding="utf-8")
        assert (await at.ask("POST", "/reload"))[0] == 422
        status, done = await at.ask("POST", "/rollback", {})
        assert (status, done["before"], done["in_use"]) == (200, None, True)
        (saved,) = at.folder.glob(".replaced-*")
        assert (done["saved_to"], (saved / "a.yml").read_text(encoding="utf-8")) == (str(saved), BAD)
        assert (at.folder / "a.yml").read_text(encoding="utf-8") == GOOD.format(name="second")
        assert await at.room.ready() == (200, {"status": "ok", "faults": {}})


async def test_why_a_call_would_go_where_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With what is known of the caller now; nothing is recorded, no operator is told, and the log has the number masked."""
    async with desk(tmp_path, Scope.RULES_READ) as at:
        rules = GOOD.format(name="caller").replace("when: {}", "when: {touch: {campaign: autumn-sms, within: 1h}}")
        (at.folder / "a.yml").write_text(rules, encoding="utf-8")
        assert await at.room.service.rules.reload()
        with caplog.at_level(logging.INFO):
            status, answer = await at.ask("GET", "/explain", params={"phone": CAMPAIGN_CALLER})
        assert (status, answer["rule"], answer["identity"]) == (200, "caller", "known")
        assert (answer["destination"]["to"], answer["destination"]["queue"]) == ("queue", "promo")
        (rule,) = answer["rules"]
        assert rule["verdicts"][0]["matched"]
        assert CAMPAIGN_CALLER not in caplog.text
        assert "asked what would become of a call from +38" in caplog.text
        assert await at.room.service.store.get_call("explain") is None
        _, answer = await at.ask("GET", "/explain", params={"phone": "anonymous"})
        assert (answer["rule"], answer["identity"], answer["destination"]["menu"]) == (None, "withheld", "main")
        assert (await at.ask("GET", "/explain"))[0] == 400


async def test_a_key_reads_or_writes_as_its_scopes_say(tmp_path: Path) -> None:
    """Reading does not allow to change, and a key for touches opens nothing here."""
    reads = [
        ("GET", "", None),
        ("POST", "/check", {"files": {"a.yml": BAD}}),
        ("GET", "/versions", None),
        ("GET", "/explain?phone=1", None),
    ]
    writes: list[tuple[str, str, object]] = [("POST", "/reload", None), ("POST", "/rollback", {"dry_run": True})]
    async with desk(tmp_path, Scope.RULES_READ) as at:
        assert [(await at.ask(*each))[0] for each in reads] == [200] * 4
        assert [(await at.ask(*each))[0] for each in writes] == [403] * 2
    (tmp_path / "other").mkdir()
    async with desk(tmp_path / "other", Scope.TOUCHES) as at:
        assert [(await at.ask(*each))[0] for each in (*reads, *writes)] == [403] * 6


async def test_the_examples_of_the_openapi_document_work(tmp_path: Path) -> None:
    """Every schema is one, and every route, asked as described, answers as described."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        await at.saved("second")
        async with at.client.get("/api/openapi.json") as answer:
            document = json.loads(await answer.read())
        done = 0
        for path, methods in document["paths"].items():
            if not path.startswith("/api/v1/rules"):
                continue
            for method, operation in methods.items():
                query = {
                    each["name"]: each["example"] for each in operation.get("parameters", []) if each["in"] == "query" and "example" in each
                }
                body: object = None
                address = path.replace("{version}", first)
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    body = content["example"]
                    validator(document, content["schema"]).validate(body)
                async with at.client.request(method, address, params=query, json=body) as answer:
                    got = json.loads(await answer.read())
                    assert answer.status == 200, got
                    validator(document, operation["responses"]["200"]["content"]["application/json"]["schema"]).validate(got)
                done += 1
        assert done == 8
        async with at.client.get("/api/v1/rules/versions/ffff") as answer:
            validator(document, {"$ref": "#/components/schemas/ProblemDocument"}).validate(json.loads(await answer.read()))


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of one schema among those of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})
