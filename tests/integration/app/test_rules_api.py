"""/api/v1/rules of a whole running service: real folder, real store, real keys."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from jsonschema import Draft202012Validator

from ctiroute.app.shadow import Findings
from ctiroute.demo.company import CAMPAIGN_CALLER
from ctiroute.model import Scope, ShadowReport
from ctiroute.web.api.keys import new_key
from ctiroute.web.api.rules_found import Pair, Sample
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


async def test_files_are_put_in_place_and_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All of them or none; cases and scripts beside stay; who did it is kept; what was there can be gone back to."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        files = {
            "b.yml": GOOD.format(name="put").replace("{queue: promo}", "{queue: promo, pop: {script: scripts/x.md}}"),
            "scripts/x.md": "Hello",
        }
        status, planned = await at.ask("PUT", "/files", {"files": files, "base": first, "dry_run": True})
        assert (status, planned["written"], planned["removed"], planned["in_use"]) == (200, ["b.yml", "scripts/x.md"], ["a.yml"], False)
        assert not (at.folder / "b.yml").exists()
        with caplog.at_level(logging.INFO):
            status, done = await at.ask("PUT", "/files", {"files": files, "base": first})
        assert (status, done["before"], done["after"], done["in_use"]) == (200, first, planned["after"], True)
        assert sorted(path.name for path in at.folder.iterdir()) == ["a.test.yml", "b.yml", "scripts"]
        assert (await at.room.route("lab:1.1")).rule == "put"
        assert f"(admin page) put rules {done['after']} in place of {first}" in caplog.text
        newest = (await at.ask("GET", "/versions?limit=1"))[1]["versions"][0]
        assert (newest["version"], newest["how"], newest["who"]) == (done["after"], "api", "admin page")
        assert (await at.ask("POST", "/rollback", {}))[1]["after"] == first


async def test_files_that_cannot_be_put_change_nothing(tmp_path: Path) -> None:
    """Mistakes, places outside of the folder or hidden in it, and rules that others have changed meanwhile."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        good = {"a.yml": GOOD.format(name="other")}
        status, problem = await at.ask("PUT", "/files", {"files": {"a.yml": BAD}})
        assert (status, problem["type"], problem["faults"][0]["line"]) == (422, "urn:ctiroute:problem:wrong-rules", 4)
        for name in ("../x.yml", "/etc/x.yml", ".hidden.yml", ".rollback/x.md", "scripts/.x.md", "run.sh", "scripts/../../x.md"):
            status, problem = await at.ask("PUT", "/files", {"files": {**good, name: GOOD.format(name="x")}})
            assert (status, problem["type"]) == (422, "urn:ctiroute:problem:wrong-rules"), name
        assert (await at.ask("PUT", "/files", {"files": good, "base": "ffffffffffff"}))[0] == 409
        at.save("by-hand")  # perhaps not read yet
        status, problem = await at.ask("PUT", "/files", {"files": good, "base": first})
        assert (status, problem["type"]) == (409, "urn:ctiroute:problem:changed-meanwhile")
        assert (at.folder / "a.yml").read_text(encoding="utf-8") == GOOD.format(name="by-hand")
        assert not (tmp_path / "x.yml").exists()


async def test_cases_are_run(tmp_path: Path) -> None:
    """Those that are sent, or those in the folder; a failure says what was expected, what came and why."""
    case = (
        "cases: [{{name: a call, given: {{now: '2026-11-20 12:00 Europe/Kyiv', caller: '+380671234567'}}, expect: {{queue: {queue}}}}}]\n"
    )
    async with desk(tmp_path, Scope.RULES_READ) as at:
        files = {"a.yml": GOOD.format(name="first"), "a.test.yml": case.format(queue="promo")}
        status, answer = await at.ask("POST", "/test", {"files": files})
        assert (status, answer["ok"], [one["passed"] for one in answer["cases"]]) == (200, True, [True])
        assert (answer["reached"]["rules"][0]["taken"], answer["reached"]["default_taken"]) == (1, 0)
        (at.folder / "a.test.yml").write_text(case.format(queue="vip"), encoding="utf-8")
        status, answer = await at.ask("POST", "/test", {})
        (failed,) = answer["cases"]
        assert (status, answer["ok"], failed["rule"]) == (200, False, "first")
        assert [(one["expected"], one["got"]) for one in failed["differences"]] == [("vip", "promo")]
        assert failed["why"]
        status, answer = await at.ask("POST", "/test", {"files": {"a.yml": BAD}})
        assert (status, answer["ok"], answer["faults"][0]["line"], answer["reached"]) == (200, False, 4, None)


async def test_what_rules_would_have_done_to_the_calls_of_the_day(tmp_path: Path) -> None:
    """Against those in use; masked, and calls of before the stretch left out; mistakes are answered as such."""
    async with desk(tmp_path, Scope.RULES_READ) as at:
        for number in range(3):
            await at.room.route(f"lab:1.{number}")
        await at.room.kept("lab:1.2")
        at.room.clock.move(minutes=1)  # type: ignore[attr-defined]  # the office's own clock
        narrow = GOOD.format(name="nobody").replace("when: {}", "when: {customer: {attributes: {segment: platinum}}}")
        status, found = await at.ask("POST", "/replay", {"files": {"a.yml": narrow}, "days": 1})
        assert (status, found["judged"], found["changed"], found["complete"]) == (200, 3, 3, True)
        (group,) = found["groups"]
        assert (group["before"], group["after"]["to"], group["calls"]) == ({"rule": "first", "to": "queue promo"}, "menu main", 3)
        assert "•••" in group["samples"][0]["caller"]
        assert (found["never"], found["unreachable"]) == (["nobody"], [])
        _, same = await at.ask("POST", "/replay", {"files": {"a.yml": GOOD.format(name="first")}, "until": "2020-01-01T00:00:00Z"})
        assert (same["judged"], same["changed"]) == (0, 0)
        assert (await at.ask("POST", "/replay", {"files": {"a.yml": BAD}}))[0] == 422
        for wrong in ({"days": 0}, {"limit": 0}, {"until": "2020-01-01T00:00:00"}):
            assert (await at.ask("POST", "/replay", {"files": {"a.yml": narrow}, **wrong}))[0] == 400


async def test_one_piece_of_work_at_a_time(tmp_path: Path) -> None:
    """What takes time that calls need is not done twice at once: the second is told to come again."""
    async with desk(tmp_path, Scope.RULES_READ) as at:
        many = {"a.yml": "rules:\n" + "".join(f"  - {{name: r{n}, when: {{dialed: '{n}'}}, then: {{queue: a}}}}\n" for n in range(2000))}
        bodies = ("/check", {"files": many}), ("/test", {"files": many}), ("/replay", {"files": many})
        statuses = [status for status, _ in await asyncio.gather(*(at.ask("POST", *body) for body in bodies))]
        assert sorted(statuses) == [200, 503, 503] or 422 in statuses
        assert (await at.ask("POST", "/check", {"files": {"a.yml": BAD}}))[0] == 200


async def test_rules_on_trial_and_what_became_of_a_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As the commands tell it; a call nobody knows is none."""
    async with desk(tmp_path, Scope.RULES_READ) as at:
        sample = Sample("lab:1", at.room.clock(), "+38067•••4567"), "menu main", "queue vip"
        told = Findings("new", "old", at.room.clock(), "", {"moved": 1}, (Pair("default", "vip", {"moved": 1}, (sample,)),))
        await at.room.service.store.put_shadow_report(ShadowReport("a/1", at.room.clock(), msgspec.json.encode(told)))
        status, found = await at.ask("GET", "/shadow")
        assert (status, [(one["candidate"], one["runs"], one["calls"]) for one in found["trials"]]) == (200, [("new", 1, {"moved": 1})])
        await at.room.route("lab:1.7")
        await at.room.kept("lab:1.7")
        with caplog.at_level(logging.INFO):
            status, traced = await at.ask("GET", "/trace/lab:1.7")
        assert (status, traced["rule"], traced["status"], traced["explained"]["rule"]) == (200, "first", "routed", "first")
        assert CAMPAIGN_CALLER not in json.dumps(traced)
        assert "(admin page) asked what happened to call lab:1.7" in caplog.text
        assert (await at.ask("GET", "/trace/lab:0.0"))[0] == 404


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
        ("POST", "/test", {}),
        ("POST", "/replay", {"files": {"a.yml": GOOD.format(name="x")}}),
        ("GET", "/shadow", None),
        ("GET", "/trace/none", None),
    ]
    writes: list[tuple[str, str, object]] = [
        ("POST", "/reload", None),
        ("POST", "/rollback", {"dry_run": True}),
        ("PUT", "/files", {"files": {"a.yml": GOOD.format(name="x")}, "dry_run": True}),
    ]
    async with desk(tmp_path, Scope.RULES_READ) as at:
        assert [(await at.ask(*each))[0] for each in reads] == [200] * 7 + [404]
        assert [(await at.ask(*each))[0] for each in writes] == [403] * 3
    (tmp_path / "other").mkdir()
    async with desk(tmp_path / "other", Scope.TOUCHES) as at:
        assert [(await at.ask(*each))[0] for each in (*reads, *writes)] == [403] * 11


async def test_the_examples_of_the_openapi_document_work(tmp_path: Path) -> None:
    """Every schema is one, and every route, asked as described, answers as described."""
    async with desk(tmp_path) as at:
        first = at.room.service.rules.current().version
        await at.saved("second")
        await at.room.route("lab:1.7")
        await at.room.kept("lab:1.7")
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
                address = path.replace("{version}", first).replace("{call_id}", "lab:1.7")
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    body = content["example"]
                    validator(document, content["schema"]).validate(body)
                async with at.client.request(method, address, params=query, json=body) as answer:
                    got = json.loads(await answer.read())
                    assert answer.status == 200, got
                    validator(document, operation["responses"]["200"]["content"]["application/json"]["schema"]).validate(got)
                done += 1
        assert done == 13
        async with at.client.get("/api/v1/rules/versions/ffff") as answer:
            validator(document, {"$ref": "#/components/schemas/ProblemDocument"}).validate(json.loads(await answer.read()))


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of one schema among those of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})
