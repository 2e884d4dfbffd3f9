"""Each kind of condition: when it holds, what it binds, what it says it saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ctiroute.model import WITHHELD, Caller, Customer, Identity, InteractionStatus, Medium, Outcome, TouchStatus

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("within: 15m", True),
        ("within: 12m", True),
        ("within: 11m", False),
        ("within: 15m, campaign: autumn-sms", True),
        ("within: 15m, campaign: 'autumn-*'", True),
        ("within: 15m, campaign: [spring, 'autumn-*']", True),
        ("within: 15m, campaign: [spring, summer]", False),
        ("within: 15m, campaign: Autumn-sms", False),
        ("within: 15m, medium: sms", True),
        ("within: 15m, medium: [email, sms]", True),
        ("within: 15m, medium: email", False),
        ("within: 15m, status: sent", True),
        ("within: 15m, status: delivered", True),
        ("within: 15m, status: read", False),
        ("within: 15m, status: failed", False),
        ("within: 15m, offer: {amount: 5000}", True),
        ("within: 15m, offer: {product: 'credit*'}", True),
        ("within: 15m, offer: {title: '*INSTALMENTS'}", True),
        ("within: 15m, offer: {product: [deposit, mortgage]}", False),
        ("within: 15m, offer: {absent: x}", False),
        ("within: 15m, offer: {absent: '*'}", True),
    ],
)
def test_touch(world: Any, wanted: str, holds: bool) -> None:
    """A touch fits by campaign, medium, age, how far it got, and its offer."""
    world.touches = (world.touch(),)
    bound = world.ask(f"{{touch: {{{wanted}}}}}")
    assert (bound is not None) is holds
    if bound is not None:
        assert bound.touch is world.touches[0]


def test_the_newest_touch_that_fits_is_bound(world: Any) -> None:
    """Several touches are ranked newest first; one that does not fit is passed over."""
    newest = world.touch(MINUTE, touch_id="t3", campaign="spring")
    fits = world.touch(5 * MINUTE, touch_id="t2")
    world.touches = (newest, fits, world.touch(9 * MINUTE, touch_id="t1"))
    assert world.ask("{touch: {campaign: 'autumn-*', within: 1h}}").touch is fits


def test_a_failed_touch_reached_nobody(world: Any) -> None:
    """A touch that failed fits only where it is asked for."""
    world.touches = (world.touch(status=TouchStatus.FAILED),)
    assert world.ask("{touch: {within: 1h}}") is None
    assert world.ask("{touch: {within: 1h, status: failed}}") is not None


def test_a_touch_from_the_future_is_fresh(world: Any) -> None:
    """The sender's clock may be ahead of ours."""
    world.touches = (world.touch(-MINUTE),)
    assert world.seen("{touch: {within: 1h}}") == (True, "within 1h", "autumn-sms, sms, delivered, less than a minute ago")


def test_a_touch_that_was_not_sent_yet_is_none(world: Any) -> None:
    """A mailing planned for the evening, or times read in a wrong zone, must not send callers past the menu now."""
    world.touches = (world.touch(-5 * HOUR), world.touch(10 * MINUTE))
    assert world.seen("{touch: {within: 15m}}")[0]
    world.touches = (world.touch(-5 * HOUR),)
    holds, _, seen = world.seen("{touch: {within: 15m}}")
    assert not holds
    assert seen == "autumn-sms, sms, delivered, not sent before 5 h from now"


def test_touch_says_what_it_saw(world: Any) -> None:
    """The trace names the touches that were there."""
    when = "{touch: {campaign: 'winter-*', medium: sms, status: delivered, offer: {amount: 1}, within: 1h30m}}"
    wanted = "campaign winter-*, sms, delivered or further, offer amount 1, within 1h30m"
    assert world.seen(when) == (False, wanted, "no touch")
    world.touches = tuple(world.touch(n * MINUTE) for n in range(1, 6))
    matched, _, seen = world.seen(when)
    assert not matched
    assert seen.startswith("autumn-sms, sms, delivered, 1 min ago; autumn-sms")
    assert seen.endswith("3 min ago; and 2 more")
    assert world.seen("{touch: {status: failed, within: 1m}}")[1] == "failed, within 1m"


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("topic: credit-application", True),
        ("topic: 'credit*'", True),
        ("topic: [complaint, 'credit*']", True),
        ("topic: complaint", False),
        ("medium: web", True),
        ("medium: [sms, chat]", False),
        ("status: open", True),
        ("status: waiting", False),
        ("status: [waiting, open]", True),
        ("within: 3h", True),
        ("within: 1h", False),
        ("owner: ivan", True),
        ("owner: petro", False),
        ("owner: anybody", True),
        ("owner: nobody", False),
        ("", True),
    ],
)
def test_interaction(world: Any, wanted: str, holds: bool) -> None:
    """An interaction fits by topic, medium, status, age and owner; open or waiting unless said otherwise."""
    world.interactions = (world.interaction(owner="ivan"),)
    bound = world.ask(f"{{interaction: {{{wanted}}}}}")
    assert (bound is not None) is holds
    if bound is not None:
        assert bound.interaction is world.interactions[0]


def test_a_closed_interaction_is_asked_for_by_name(world: Any) -> None:
    """Closed ones count only with `status: closed`, and nobody may own one."""
    world.interactions = (world.interaction(status=InteractionStatus.CLOSED, medium=Medium.CHAT),)
    assert world.ask("{interaction: {}}") is None
    assert world.ask("{interaction: {status: closed}}") is not None
    assert world.ask("{interaction: {status: closed, owner: nobody}}") is not None


def test_interaction_says_what_it_saw(world: Any) -> None:
    """The trace names the interactions that were there."""
    when = "{interaction: {topic: complaint, medium: chat, owner: ivan, within: 1d}}"
    assert world.seen(when) == (False, "topic complaint, chat, open or waiting, owner ivan, within 1d", "no interaction")
    world.interactions = (world.interaction(),)
    assert world.seen(when)[2] == "credit-application, web, open, owner nobody, 2 h ago"
    assert world.seen("{interaction: {}}") == (True, "open or waiting", "credit-application, web, open, 2 h ago")


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("known", True),
        ("[known, ambiguous]", True),
        ("unknown", False),
        ("{identity: known}", True),
        ("{attributes: {segment: vip}}", True),
        ("{attributes: {segment: [gold, 'VI*']}}", True),
        ("{attributes: {segment: gold}}", False),
        ("{attributes: {segment: vip, city: Lviv}}", False),
        ("{attributes: {active: true}}", True),
        ("{attributes: {city: {list: cities}}}", True),
        ("{attributes: {segment: {list: cities}}}", False),
        ("{language: uk}", True),
        ("{language: [en, uk]}", True),
        ("{language: ru}", False),
    ],
)
def test_customer(world: Any, wanted: str, holds: bool) -> None:
    """A known customer fits by identity, attributes (case does not count) and language."""
    world.known(language="uk-UA", segment="VIP", city="Kyiv", active="true")
    assert (world.ask(f"{{customer: {wanted}}}", "lists: {cities: [KYIV, Lviv]}") is not None) is holds


def test_no_candidate_is_guessed(world: Any) -> None:
    """Of several candidates all have to fit; of none, none does."""
    vip, other = Customer("c1", "A", "uk", {"segment": "vip"}), Customer("c2", "B", None, {"segment": "mass"})
    world.identity = Identity.of((vip, other))
    assert world.ask("{customer: ambiguous}") is not None
    assert world.ask("{customer: {attributes: {segment: vip}}}") is None
    assert world.ask("{customer: {language: uk}}") is None
    assert world.ask("{customer: {attributes: {segment: [vip, mass]}}}") is not None
    assert world.seen("{customer: {identity: known, attributes: {segment: vip}, language: uk}}") == (
        False,
        "known, language uk, segment vip",
        "ambiguous, language uk, segment vip, language not known, segment mass",
    )
    world.identity = WITHHELD
    assert world.ask("{customer: {attributes: {segment: '*'}}}") is None
    assert world.ask("{customer: withheld}") is not None


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("number: '+380671234567'", True),
        ("number: '+380 (67) 123-45-67'", True),
        ("prefix: '+38067'", True),
        ("prefix: ['+48', '+380']", True),
        ("prefix: '+48'", False),
        ("list: friends", True),
        ("list: [foes, friends]", True),
        ("list: foes", False),
        ("country: UA", True),
        ("country: [PL, KZ]", False),
        ("country: UA, prefix: '+48'", False),
        ("withheld: false", True),
        ("withheld: true", False),
    ],
)
def test_caller(world: Any, wanted: str, holds: bool) -> None:
    """A caller fits by number, prefix, list, country; number, prefix and list are alternatives."""
    head = "lists: {friends: ['+380671234567', '101'], foes: ['+48221234567']}"
    assert (world.ask(f"{{caller: {{{wanted}}}}}", head) is not None) is holds


def test_a_withheld_caller_has_no_number(world: Any) -> None:
    """Nothing matches a number that is not shown."""
    world.caller = Caller("anonymous", None, withheld=True)
    assert world.ask("{caller: {prefix: '+380'}}") is None
    assert world.ask("{caller: {country: UA}}") is None
    assert world.seen("{caller: {withheld: true}}") == (True, "withheld", "withheld")
    assert world.seen("{caller: {withheld: false}}") == (False, "not withheld", "withheld")


def test_an_internal_caller_is_found_by_extension(world: Any) -> None:
    """A short number has no country code and is compared as it came."""
    world.caller = Caller("101", None)
    assert world.ask("{caller: {number: 101}}") is not None
    assert world.seen("{caller: {country: UA}}") == (False, "country UA", "101, country not known")


HOSTILE = [
    "",
    "anonymous",
    "unknown",
    "Олена",
    "\u202e+380671234567",
    "' OR 1=1 --",
    "${SHELL(id)}",
    "+380671234567,1)\nSet(X=1",
    "{caller.number}",
    "*",
    "a" * 80,
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_hostile_callers_are_text(world: Any, raw: str) -> None:
    """Whatever stands in the number, it matches no number, prefix, list or country, and nothing breaks."""
    world.caller = Caller(raw, None, raw)
    head = "lists: {friends: ['+380671234567']}"
    for wanted in ("{prefix: '+3'}", "{number: '+380671234567'}", "{list: friends}", "{country: UA}"):
        assert world.ask(f"{{caller: {wanted}}}", head) is None
        matched, _, seen = world.seen(f"{{caller: {wanted}}}", head)
        assert not matched
        assert raw in seen or seen == "no number" or raw == ""


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("'+380441234567'", True),
        ("['+380441110000', '+380441234567']", True),
        ("'+380441110000'", False),
        ("{prefix: '+38044'}", True),
        ("{list: lines}", True),
        ("{number: 0800}", False),
    ],
)
def test_dialed(world: Any, wanted: str, holds: bool) -> None:
    """The dialled number fits by value, prefix or list."""
    assert (world.ask(f"{{dialed: {wanted}}}", "lists: {lines: ['+380441234567']}") is not None) is holds


def test_dialed_says_what_it_saw(world: Any) -> None:
    """The trace names the number."""
    when = "{dialed: {number: '+380441110000', prefix: '+48'}}"
    assert world.seen(when) == (False, "number +380441110000, or begins with +48", "+380441234567")
    world.dialed = ""
    assert world.seen(when)[2] == "nothing"


BUSINESS = "hours: {business: {timezone: Europe/Kyiv, weekly: {mon-fri: '09:00-18:00'}, closed: [12-25]}}"


@pytest.mark.parametrize(
    ("now", "is_open", "seen"),
    [
        (datetime(2026, 11, 20, 10, 0, tzinfo=UTC), True, "fri 2026-11-20 12:00 Europe/Kyiv"),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), False, "fri 2026-11-20 18:00 Europe/Kyiv"),
        (datetime(2026, 11, 21, 10, 0, tzinfo=UTC), False, "sat 2026-11-21 12:00 Europe/Kyiv"),
        (datetime(2026, 12, 25, 10, 0, tzinfo=UTC), False, "fri 2026-12-25 12:00 Europe/Kyiv, closed date"),
    ],
)
def test_hours(world: Any, now: datetime, is_open: bool, seen: str) -> None:
    """It is open by the wall clock of the hours' own timezone."""
    world.now = now
    assert (world.ask("{hours: business}", BUSINESS) is not None) is is_open
    assert world.seen("{hours: business}", BUSINESS) == (is_open, "open by business", seen)


def test_hours_may_be_written_in_place(world: Any) -> None:
    """Inline hours take the timezone of the files where they name none."""
    assert world.ask("{hours: {weekly: {fri: '12:00-12:01'}}}", "timezone: Europe/Kyiv") is not None
    assert world.ask("{hours: {timezone: UTC, weekly: {fri: '12:00-12:01'}}}", "timezone: Europe/Kyiv") is None


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ("within: 1h", True),
        ("within: 1h, count: 2", True),
        ("within: 1h, count: 3", False),
        ("within: 1d, count: 3", True),
        ("within: 1h, count: 2, outcome: abandoned", False),
        ("within: 1h, outcome: [abandoned, defaulted]", True),
        ("within: 1h, outcome: unknown", False),
        ("within: 1m", False),
    ],
)
def test_repeat(world: Any, wanted: str, holds: bool) -> None:
    """Earlier calls count by window and outcome."""
    world.calls = (world.call(10 * MINUTE), world.call(20 * MINUTE, Outcome.ANSWERED), world.call(5 * HOUR))
    assert (world.ask(f"{{repeat: {{{wanted}}}}}") is not None) is holds


def test_repeat_says_what_it_saw(world: Any) -> None:
    """The trace counts the calls."""
    world.calls = (world.call(10 * MINUTE),)
    wanted = "2 or more earlier abandoned calls within 1h"
    assert world.seen("{repeat: {count: 2, within: 1h, outcome: abandoned}}") == (False, wanted, "1 earlier call")


def test_all_conditions_of_a_rule_have_to_hold(world: Any) -> None:
    """One that does not hold costs the rule; what each was about is kept."""
    world.touches, world.interactions = (world.touch(),), (world.interaction(),)
    both = world.ask("{touch: {within: 1h}, interaction: {}, caller: {country: UA}}")
    assert both.touch is world.touches[0]
    assert both.interaction is world.interactions[0]
    assert world.ask("{touch: {within: 1h}, caller: {country: PL}}") is None
    assert world.ask("{}") is not None


def test_any_binds_the_first_branch_that_holds(world: Any) -> None:
    """`any` needs one branch, tried in order."""
    world.touches, world.interactions = (world.touch(),), (world.interaction(),)
    bound = world.ask("{any: [{caller: {country: PL}}, {interaction: {}}, {touch: {within: 1h}}]}")
    assert bound.interaction is world.interactions[0]
    assert bound.touch is None
    assert world.ask("{any: [{caller: {country: PL}}, {customer: known}]}") is None


def test_all_joins_conditions_of_one_kind(world: Any) -> None:
    """Two touches can be asked for in one rule; the first is what it is about."""
    world.touches = (world.touch(), world.touch(touch_id="t2", campaign="spring"))
    when = "{all: [{touch: {campaign: spring, within: 1h}}, {touch: {campaign: 'autumn-*', within: 1h}}]}"
    assert world.ask(when).touch is world.touches[1]


def test_not_holds_when_its_inside_does_not(world: Any) -> None:
    """`not` turns around all its conditions together, and binds nothing."""
    world.touches = (world.touch(),)
    assert world.ask("{not: {touch: {within: 1h}}}") is None
    assert world.ask("{not: {touch: {within: 1h}, customer: known}}") == (None, None)


def test_nested_conditions_explain_themselves(world: Any) -> None:
    """A verdict stands at the place of its condition; a failed `any` tells what each branch saw."""
    assert world.seen("{any: [{customer: known}, {not: {caller: {country: UA}}}]}") == (
        False,
        "(customer: known) or (not: not (caller: country UA))",
        "unknown; +380671234567, country UA",
    )
    assert world.seen("{any: [{customer: known}, {caller: {country: UA}}]}") == (True, "country UA", "+380671234567, country UA")
    assert world.seen("{all: [{caller: {country: UA}}, {customer: known}]}") == (False, "known", "unknown")
    assert world.seen("{not: {caller: {country: UA}}}") == (False, "not (caller: country UA)", "+380671234567, country UA")


def test_a_rule_set_knows_how_far_back_it_looks(rule_set: Any) -> None:
    """The longest window of every condition, nested ones too, and never less than the timeline shows."""
    needs = rule_set("{caller: {country: UA}}").needs
    assert (needs.touches, needs.calls, needs.interactions) == (30 * DAY, 30 * DAY, 90 * DAY)
    when = "{any: [{touch: {within: 60d}}, {not: {repeat: {within: 45d}}}, {all: [{interaction: {status: closed, within: 200d}}]}]}"
    needs = rule_set(when).needs
    assert (needs.touches, needs.calls, needs.interactions) == (60 * DAY, 45 * DAY, 200 * DAY)
    assert rule_set("{interaction: {within: 200d}}").needs.interactions == 90 * DAY
