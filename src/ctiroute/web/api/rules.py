"""Rules over HTTP: /api/v1/rules/... . Knows keys, bodies and answers; what is done with rules is behind a port."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec
from aiohttp import web

from ctiroute.errors import ConfigurationError
from ctiroute.model import Scope
from ctiroute.model.phone import mask_phone
from ctiroute.web.api.body import received
from ctiroute.web.api.rules_wire import RollBack, RuleFault, RulesToCheck, RulesToPut, UsedVersions
from ctiroute.web.ports import NoSuchVersion, RulesChanged
from ctiroute.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctiroute.errors import Fault
    from ctiroute.model import ApiKey
    from ctiroute.web.api.keys import ApiKeys
    from ctiroute.web.limits import WebLimits
    from ctiroute.web.ports import RulesDesk

log = logging.getLogger(__name__)

T = TypeVar("T")

_VERSIONS = 20  # listed unless asked for more
_MOST = 200
_NUMBER = 64  # characters of a number that is asked about


class AtWork:
    """One piece of work at a time: compiling, testing and replaying take time that calls need."""

    def __init__(self) -> None:
        self._busy = False

    def __enter__(self) -> Self:
        if self._busy:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Other rules are looked at just now; try again.", {"Retry-After": "2"})
        self._busy = True
        return self

    def __exit__(self, *_: object) -> None:
        self._busy = False


class Rules:
    """Serves the routes of rules."""

    def __init__(self, desk: RulesDesk, keys: ApiKeys, limits: WebLimits, at_work: AtWork) -> None:
        self._desk = desk
        self._keys = keys
        self._limits = limits
        self._at_work = at_work

    def routes(self) -> list[web.RouteDef]:
        """Return all routes."""
        return [
            web.get("/api/v1/rules", self.current),
            web.put("/api/v1/rules/files", self.put),
            web.post("/api/v1/rules/check", self.check),
            web.get("/api/v1/rules/versions", self.versions),
            web.get("/api/v1/rules/versions/{version}", self.version),
            web.get("/api/v1/rules/versions/{version}/diff", self.diff),
            web.post("/api/v1/rules/rollback", self.roll_back),
            web.post("/api/v1/rules/reload", self.reload),
            web.get("/api/v1/rules/explain", self.explain),
        ]

    async def current(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules: the rules in use, and the files they were made of."""
        await self._keys.admit(request, Scope.RULES_READ)
        return answer(self._desk.current())

    async def check(self, request: web.Request) -> web.Response:
        """POST /api/v1/rules/check: every mistake in files that are in no folder yet. Nothing is kept."""
        await self._keys.admit(request, Scope.RULES_READ)
        asked = await body_of(request, RulesToCheck, self._limits)
        with self._at_work:
            return answer(await self._desk.check(asked.files))

    async def put(self, request: web.Request) -> web.Response:
        """PUT /api/v1/rules/files: have these files in place of those in the folder, and use them."""
        key = await self._keys.admit(request, Scope.RULES_WRITE)
        asked = await body_of(request, RulesToPut, self._limits)
        try:
            with self._at_work:
                done = await self._desk.put(asked, key.name)
        except RulesChanged as error:
            raise Problem(HTTPStatus.CONFLICT, "changed-meanwhile", f"{error}; nothing has changed.") from None
        except ConfigurationError as error:
            raise wrong(error.faults, "These files cannot be used; nothing has changed.") from None
        except OSError as error:
            raise _not_writable(error) from None
        if not asked.dry_run:
            _audit(key, f"put rules {done.after} in place of {done.before or 'what was no version'}")
        return answer(done)

    async def versions(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/versions: which rules came into use when, by whom."""
        await self._keys.admit(request, Scope.RULES_READ)
        asked = request.query.get("limit", str(_VERSIONS))
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= _MOST):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", f"limit is a number from 1 to {_MOST}.")
        return answer(UsedVersions(await self._desk.versions(int(asked))))

    async def version(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/versions/{version}: one version with its files."""
        await self._keys.admit(request, Scope.RULES_READ)
        try:
            return answer(await self._desk.version(request.match_info["version"]))
        except NoSuchVersion as error:
            raise _unknown(error) from None

    async def diff(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/versions/{version}/diff: what it changed of the one before, or of the one that `against` names."""
        await self._keys.admit(request, Scope.RULES_READ)
        try:
            return answer(await self._desk.diff(request.match_info["version"], request.query.get("against")))
        except NoSuchVersion as error:
            raise _unknown(error) from None

    async def roll_back(self, request: web.Request) -> web.Response:
        """POST /api/v1/rules/rollback: put an earlier version back in place, and use it."""
        key = await self._keys.admit(request, Scope.RULES_WRITE)
        asked = await body_of(request, RollBack, self._limits)
        try:
            done = await self._desk.roll_back(asked.version, key.name, dry_run=asked.dry_run)
        except NoSuchVersion as error:
            raise _unknown(error) from None
        except ConfigurationError as error:
            raise wrong(error.faults, "This version cannot be used by this ctiroute; nothing has changed.") from None
        except OSError as error:
            raise _not_writable(error) from None
        if not asked.dry_run:
            _audit(key, f"put rules {done.after} in place of {done.before or 'what was no version'}")
        return answer(done)

    async def reload(self, request: web.Request) -> web.Response:
        """POST /api/v1/rules/reload: read the files now."""
        key = await self._keys.admit(request, Scope.RULES_WRITE)
        faults = await self._desk.reload(key.name)
        now = self._desk.current()
        _audit(key, f"had the rules read: {f'they are wrong, {now.version} stays' if faults else now.version}")
        if faults:
            raise wrong(faults, f"The files cannot be used; rules {now.version} stay in use.")
        return answer(now)

    async def explain(self, request: web.Request) -> web.Response:
        """GET /api/v1/rules/explain?phone=...: where a call would go, and why. No phone rings."""
        key = await self._keys.admit(request, Scope.RULES_READ)
        phone, dialed = request.query.get("phone", ""), request.query.get("dialed", "")
        if not phone or max(len(phone), len(dialed)) > _NUMBER:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", f"Give phone, and perhaps dialed: at most {_NUMBER} characters each.")
        _audit(key, f"asked what would become of a call from {mask_phone(phone)}")
        return answer(await self._desk.explain(phone, dialed))


async def body_of(request: web.Request, kind: type[T], limits: WebLimits) -> T:
    """Return the body of a request. Raises `Problem` with what is wrong with it."""
    if request.content_type != "application/json":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", "Send application/json.")
    async with received(request, replace(limits, import_bytes=limits.rules_bytes)) as body:
        try:
            return msgspec.json.decode(body.read(), type=kind)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", f"The body cannot be read: {error}.") from None


def faults_of(faults: Iterable[Fault]) -> list[RuleFault]:
    """Return mistakes as they are told."""
    return [RuleFault(each.file, each.line, each.column, each.message, each.found, each.hint) for each in faults]


def wrong(faults: Iterable[Fault], detail: str) -> Problem:
    """Return the answer to rules with mistakes."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-rules", detail, extra={"faults": faults_of(faults)})


def _unknown(error: NoSuchVersion) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "no-such-version", f"{error}.")


def _audit(key: ApiKey, what: str) -> None:
    log.info("audit: API key %s (%s) %s", key.key_id, key.name, what)


def _not_writable(error: OSError) -> Problem:
    detail = f"The service may not write to the folder of the rules ({error.strerror or error}); nothing has changed."
    return Problem(HTTPStatus.CONFLICT, "not-writable", detail)


def answer(body: object) -> web.Response:
    """Return the answer with a record, or a plain object."""
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
