"""The desk's flows as conversations; conftest.py says how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.desk.conftest import Conversation

QUEUED = """
    0s > know 1
    0s > leg 1/1 PJSIP/trunk
    1s > wait 1 in sales
    3s > leg 1/2 PJSIP/1001
    3s > ring 1/2 PJSIP/1001 in sales for 1/1
       < show ann ringing
"""
TALKING = (
    QUEUED
    + """
    3s > ring 1/2 PJSIP/1001 for 1/1
    8s > answer 1/2 PJSIP/1001
       < update ann talking
       < record 1 answered by ann
    8s > answer 1/2 PJSIP/1001 in sales waited 7 rang 5
"""
)


def test_answered_call(talk: Conversation) -> None:
    """A queued call rings, is picked up, held, taken back and ended; each step is one command, told twice or not."""
    talk(
        TALKING
        + """
        9s > hold 1/2
           < update ann held
        9s > hold 1/2
        12s > unhold 1/2
           < update ann talking
        20s > done 1/2 caller in sales
           < close ann ended
        20s > gone 1/2
        20s > gone 1/1
           < record 1 ended
           < forget 1
        """
    )
    assert talk.screen("ann") == []


def test_offer_tells_how_long_the_caller_waited(talk: Conversation) -> None:
    """The seconds since the caller joined the queue stand on the offer, and the switch's own count replaces them at answer."""
    talk(QUEUED)
    [offer] = talk.desk.visible("ann")
    assert (offer.waited_s, offer.queue, offer.revision, offer.pop_id) == (2.0, "sales", 1, "p:1~ann~p:2")
    talk("8s > answer 1/2 in sales waited 7\n < update ann talking\n < record 1 answered by ann")
    [offer] = talk.desk.visible("ann")
    assert (offer.waited_s, offer.revision) == (7.0, 2)


def test_unknown_call_is_ignored_and_counted(talk: Conversation) -> None:
    """A ring for a call that nobody announced makes no pop."""
    talk("0s > ring 666/2 PJSIP/1001 in sales\n 0s > leg 666/2 PJSIP/1001\n 0s > ring 666/2 PJSIP/1001\n 1s > answer 666/2 PJSIP/1001")
    assert talk.desk.unknown_offers == 2
    assert talk.screen("ann") == []


def test_announced_call_is_known(talk: Conversation) -> None:
    """A caller's leg that was announced is enough, without a FastAGI session of ours."""
    talk(
        """
        0s > leg 1/1 PJSIP/trunk
        1s > ring 1/2 PJSIP/1001 for 1/1
           < show ann ringing
        """
    )


def test_call_that_rings_nobody_leaves_no_record(talk: Conversation) -> None:
    """A call that neither asked us nor rang an operator is forgotten without a record."""
    talk("0s > leg 1/1 PJSIP/trunk\n 5s > gone 1/1\n < forget 1")
    assert talk.desk.live_calls == ()


def test_who_waits_and_leaves_unoffered_is_recorded(talk: Conversation) -> None:
    """A caller who waited in a queue and rang nobody is abandoned, also when only the switch told us of him (after a restart)."""
    talk("0s > leg 1/1 PJSIP/trunk\n 1s > wait 1 in sales\n 9s > gone 1/1\n < record 1 ended abandoned\n < forget 1")


def test_no_answer_goes_to_the_next_member(talk: Conversation) -> None:
    """Who does not pick up has a missed call with the ring's length, and the next member's pop is a new one."""
    talk(
        QUEUED
        + """
        18s > miss 1/2 PJSIP/1001 in sales rang 15
           < close ann missed
           < missed ann 15s
        18s > gone 1/2
        19s > ring 1/3 PJSIP/1002 in sales for 1/1
           < show ben ringing
        21s > answer 1/3 PJSIP/1002 in sales
           < update ben talking
           < record 1 answered by ben
        """
    )


def test_second_ring_at_the_same_phone_is_a_second_pop(talk: Conversation) -> None:
    """A queue that tries the same member again shows a new pop, and what comes late about the first ring is void."""
    talk(
        QUEUED
        + """
        18s > miss 1/2 PJSIP/1001 in sales rang 15
           < close ann missed
           < missed ann 15s
        19s > ring 1/3 PJSIP/1001 in sales for 1/1
           < show ann ringing
        19s > gone 1/2
        19s > miss 1/2 PJSIP/1001
        19s > ring 1/2 PJSIP/1001 in sales
        """
    )
    assert talk.screen("ann") == ["ann ringing"]


def test_rings_without_a_leg(talk: Conversation) -> None:
    """Events that name no leg are taken by member, and each ring still has its own pop."""
    talk(
        """
        0s > know 1
        1s > ring 1 PJSIP/1001 in sales
           < show ann ringing
        1s > ring 1 PJSIP/1001 in sales
        6s > miss 1 PJSIP/1001 in sales
           < close ann missed
           < missed ann 5s
        7s > ring 1 PJSIP/1001 in sales
           < show ann ringing
        8s > answer 1 PJSIP/1001 in sales
           < update ann talking
           < record 1 answered by ann
        9s > left 1 PJSIP/1001
           < close ann ended
        10s > gone 1/1
           < record 1 ended
           < forget 1
        11s > ring 1 PJSIP/1001 in sales
        11s > answer 1 PJSIP/1001 in sales
        """
    )
    assert talk.desk.offer("p:1~ann~1") != talk.desk.offer("p:1~ann~2")


def test_ring_all(talk: Conversation) -> None:
    """When one of several phones is picked up, the other pops close without a missed call."""
    talk(
        QUEUED
        + """
        3s > ring 1/3 PJSIP/1002 in sales for 1/1
           < show ben ringing
        3s > ring 1/4 SIP/cat in sales for 1/1
           < show cat ringing
        5s > answer 1/3 PJSIP/1002 in sales
           < update ben talking
           < close ann elsewhere
           < close cat elsewhere
           < record 1 answered by ben
        5s > miss 1/2 PJSIP/1001
        5s > gone 1/4
        """
    )


def test_ring_all_told_by_the_legs_alone(talk: Conversation) -> None:
    """A phone that stops ringing because of another one is no missed call, however the switch says so."""
    talk(
        """
        0s > know 1
        1s > ring 1/2 PJSIP/1001 for 1/1
           < show ann ringing
        1s > ring 1/3 PJSIP/1002 for 1/1
           < show ben ringing
        1s > ring 1/4 SIP/cat for 1/1
           < show cat ringing
        2s > gone 1/2 cause 26
           < close ann elsewhere
        2s > lose 1/3
           < close ben elsewhere
        """
    )


def test_phone_of_nobody_takes_the_call(talk: Conversation) -> None:
    """When a phone without an operator picks up, the pops close as taken elsewhere and the call counts as answered."""
    talk(QUEUED + "5s > answer 1/9 PJSIP/7777 in sales\n < close ann elsewhere\n < record 1 answered")


def test_caller_gone_while_waiting(talk: Conversation) -> None:
    """A caller who gives up while the phone rings is a missed call, however short the ring."""
    talk(
        QUEUED
        + """
        5s > abandon 1 in sales
           < close ann missed
           < missed ann 2s
        5s > gone 1/1
        5s > gone 1/2
           < record 1 ended abandoned
           < forget 1
        """
    )


def test_caller_gone_told_by_his_leg(talk: Conversation) -> None:
    """The end of the leg that waits ends the ring."""
    talk(QUEUED + "4s > gone 1/1\n < close ann missed\n < missed ann 1s\n 4s > gone 1/2\n < record 1 ended abandoned\n < forget 1")


def test_phone_gone_while_ringing(talk: Conversation) -> None:
    """A ring whose leg ends without a word is missed, and the call goes on."""
    talk(QUEUED + "9s > gone 1/2\n < close ann missed\n < missed ann 6s")
    assert talk.desk.live_calls == ("p:1",)


def test_call_to_the_ordinary_way(talk: Conversation) -> None:
    """The end of a call that never waited nor rang says nothing of its outcome."""
    talk("0s > know 1\n 0s > leg 1/1 PJSIP/trunk\n 60s > gone 1/1\n < record 1 ended\n < forget 1")


def test_local_legs_are_one_ring(talk: Conversation) -> None:
    """A FreePBX member rings over Local;1, Local;2 and the device: one pop, until the ring of the Local leg is over."""
    talk(
        """
        0s > know 1
        1s > leg 1/2 Local/1001@from-queue
        1s > leg 1/3 Local/1001@from-queue
        1s > ring 1/2 Local/1001@from-queue/n in sales for 1/1
           < show ann ringing
        1s > ring 1/2 Local/1001@from-queue/n for 1/1
        1s > leg 1/4 PJSIP/1001
        1s > ring 1/4 PJSIP/1001 for 1/3
        16s > miss 1/4 PJSIP/1001
        16s > miss 1/2 Local/1001@from-queue/n in sales rang 15
           < close ann missed
           < missed ann 15s
        16s > gone 1/4
        16s > gone 1/3
        16s > gone 1/2
        17s > ring 1/5 Local/1001@from-queue/n in sales for 1/1
           < show ann ringing
        17s > ring 1/7 PJSIP/1001 for 1/6
        18s > answer 1/7
           < update ann talking
           < record 1 answered by ann
        18s > answer 1/5 Local/1001@from-queue/n in sales
        18s > gone 1/5
        18s > gone 1/6
        """
    )
    assert talk.screen("ann") == ["ann talking"], "an optimised Local leg leaves the talk on the device"
    talk("30s > gone 1/7\n < close ann ended")


def test_device_event_before_the_queue_tells(talk: Conversation) -> None:
    """When the dial is told before the queue's own event, the queue is added to the pop."""
    talk(
        """
        0s > know 1
        1s > ring 1/2 PJSIP/1001 for 1/1
           < show ann ringing
        1s > ring 1/2 PJSIP/1001 in sales for 1/1
           < update ann ringing
        """
    )
    assert talk.desk.visible("ann")[0].queue == "sales"


def test_answer_before_the_ring(talk: Conversation) -> None:
    """An answer whose ring was not told makes the pop; one that names only the leg waits for the ring to be told."""
    talk(
        """
        0s > know 1
        2s > answer 1/2 PJSIP/1001 in sales
           < show ann ringing
           < update ann talking
           < record 1 answered by ann
        2s > ring 1/2 PJSIP/1001 in sales for 1/1
        9s > know 5
        9s > answer 5/6
           < record 5 answered
        9s > ring 5/6 PJSIP/1002 for 5/5
           < show ben ringing
           < update ben talking
           < record 5 answered by ben
        """
    )


def test_two_calls_at_one_phone(talk: Conversation) -> None:
    """A second call does not touch the first; the newest stands first."""
    talk(TALKING + "9s > know 5\n 9s > ring 5/6 PJSIP/1001 in sales for 5/5\n < show ann ringing")
    assert talk.screen("ann") == ["ann ringing", "ann talking"]


def test_music_on_hold_holds_the_talk(talk: Conversation) -> None:
    """A caller whom the switch puts on hold is held by who talks with him."""
    talk(TALKING + "9s > hold 1/1\n < update ann held\n 10s > unhold 1/1\n < update ann talking")


def test_refresh_renews_visible_pops(talk: Conversation) -> None:
    """When the context of a call changed, each visible pop about it is shown again with the next revision."""
    talk(QUEUED + "4s > refresh 1\n < update ann ringing\n 4s > refresh 77")
    assert talk.desk.visible("ann")[0].revision == 2
    talk("5s > gone 1/1\n < close ann missed\n < missed ann 2s\n 5s > refresh 1")


def test_events_of_calls_nobody_knows_are_void(talk: Conversation) -> None:
    """Whatever is said of an unknown call has no effect."""
    talk(
        """
        0s > wait 8 in sales
        0s > abandon 8 in sales
        0s > miss 8/9 PJSIP/1001
        0s > miss 8 in sales
        0s > done 8/9 caller
        0s > hold 8/9
        0s > blind 8/9 1002
        0s > attended 8/9 7/7 6
        0s > gone 8/9
        0s > lost p
        """
    )
    assert talk.desk.live_calls == ()
    assert talk.desk.offer("p:8~ann~p:9") is None


def test_end_that_names_nobody(talk: Conversation) -> None:
    """An end without leg and member changes nothing."""
    talk(QUEUED + "4s > miss 1\n 4s > done 1 caller")
    assert talk.screen("ann") == ["ann ringing"]


def test_operators_are_replaced(talk: Conversation) -> None:
    """An operator who was taken out gets no more pops; a visible one stays and ends as it should."""
    talk(QUEUED)
    talk.desk.set_operators([])
    talk("4s > ring 1/3 PJSIP/1002 in sales\n 5s > answer 1/2 PJSIP/1001\n < update ann talking\n < record 1 answered by ann")
