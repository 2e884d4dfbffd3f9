"""After a link was down or the service restarted, the desk believes the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.desk.conftest import Conversation

TALKING = """
    0s > know 1
    0s > wait 1 in sales
    1s > ring 1/2 PJSIP/1001 in sales for 1/1
       < show ann ringing
    2s > answer 1/2 PJSIP/1001 in sales
       < update ann talking
       < record 1 answered by ann
"""


def test_restart_finds_rings_and_talks(talk: Conversation) -> None:
    """With nothing known before, phones that ring and phones that talk have their pops at once, with the ids they had before."""
    talk(
        """
        0s > snapshot p 1/1=PJSIP/trunk! 1/2=PJSIP/1001! 5/5=PJSIP/trunk! 5/6=PJSIP/1002 5@sales
           < show ann ringing
           < update ann talking
           < record 1 answered by ann
           < show ben ringing
        """
    )
    assert talk.desk.offer("p:1~ann~p:2") is not None
    assert talk.desk.visible("ben")[0].queue == "sales"
    assert set(talk.desk.live_calls) == {"p:1", "p:5"}


def test_restart_with_local_legs(talk: Conversation) -> None:
    """A Local leg is up while its device still rings: only the device tells."""
    talk("0s > snapshot p 1/1=PJSIP/trunk! 1/4=PJSIP/1001 1/2=Local/1001@from-queue! 1/3=Local/1001@from-queue!\n < show ann ringing")
    assert talk.desk.offer("p:1~ann~p:2") is not None, "the elder leg names the pop, as the queue's own event does"
    talk(
        """
        1s > snapshot p 1/1=PJSIP/trunk! 1/4=PJSIP/1001! 1/2=Local/1001@from-queue! 1/3=Local/1001@from-queue!
           < update ann talking
           < record 1 answered by ann
        2s > snapshot p 7/7=PJSIP/trunk! 7/8=Local/1002@from-queue! 1/1=PJSIP/trunk! 1/4=PJSIP/1001!
           < show ben ringing
           < update ben talking
           < record 7 answered by ben
        """
    )


def test_restart_during_a_consultation(talk: Conversation) -> None:
    """A call that an operator in talk started is seen as a consultation, in whatever order the legs are listed."""
    talk(
        """
        0s > snapshot p 9/9=PJSIP/1001! 9/10=PJSIP/1002 1/2=PJSIP/1001! 1/1=PJSIP/trunk!
           < show ann ringing
           < update ann talking
           < record 1 answered by ann
           < show ben ringing about 1 from ann
        """
    )


def test_restart_after_the_caller_was_transferred(talk: Conversation) -> None:
    """A call whose first leg is gone lives by the others, and ends with them."""
    talk(
        """
        0s > snapshot p 1/3=PJSIP/trunk! 1/4=PJSIP/1002!
           < show ben ringing
           < update ben talking
           < record 1 answered by ben
        9s > gone 1/4
           < close ben ended
        9s > gone 1/3
           < record 1 ended
           < forget 1
        """
    )


def test_link_lost_closes_nothing(talk: Conversation) -> None:
    """While the link is down the screens keep what they show."""
    talk(TALKING + "5s > lost p")
    assert talk.screen("ann") == ["ann talking"]


def test_dead_calls_are_closed(talk: Conversation) -> None:
    """Pops of calls the switch no longer has are closed, those of living calls stay and learn what happened."""
    talk(
        TALKING
        + """
        3s > know 5
        3s > wait 5 in sales
        4s > ring 5/6 PJSIP/1002 in sales for 5/5
           < show ben ringing
        4s > know 8
        4s > ring 8/9 SIP/cat in sales for 8/8
           < show cat ringing
        5s > lost p
        6s > snapshot p 5/5=PJSIP/trunk! 5/6=PJSIP/1002!
           < update ben talking
           < record 5 answered by ben
           < close ann ended
           < record 1 ended
           < close cat missed
           < missed cat 2s
           < record 8 ended unknown
           < forget 1
           < forget 8
        """
    )
    assert talk.desk.live_calls == ("p:5",)


def test_ring_that_another_phone_took_meanwhile(talk: Conversation) -> None:
    """A ring that ended unseen while another phone talks is no missed call."""
    talk(
        """
        0s > know 1
        1s > ring 1/2 PJSIP/1001 in sales for 1/1
           < show ann ringing
        2s > lost p
        6s > snapshot p 1/1=PJSIP/trunk! 1/3=PJSIP/1002!
           < show ben ringing
           < update ben talking
           < record 1 answered by ben
           < close ann elsewhere
        """
    )


def test_leg_that_came_during_the_listing(talk: Conversation) -> None:
    """A leg announced while the switch was listing its channels stays though the list lacks it."""
    talk(
        """
        0s > lost p
        1s > know 1
        1s > ring 1/2 PJSIP/1001 in sales for 1/1
           < show ann ringing
        2s > snapshot p
        """
    )
    assert talk.screen("ann") == ["ann ringing"]


def test_leg_that_came_before_the_link_broke(talk: Conversation) -> None:
    """What was heard before the link broke is not excused, however short ago."""
    talk(
        """
        1s > know 1
        1s > ring 1/2 PJSIP/1001 in sales for 1/1
           < show ann ringing
        1s > lost p
        2s > snapshot p
           < close ann missed
           < missed ann 1s
           < record 1 ended unknown
           < forget 1
        """
    )


def test_snapshot_of_another_switch(talk: Conversation) -> None:
    """One switch says nothing of another's calls."""
    talk(TALKING + "30s > snapshot q")
    assert talk.screen("ann") == ["ann talking"]


def test_waiting_is_learnt_once(talk: Conversation) -> None:
    """A caller we saw joining keeps the moment he joined."""
    talk(
        """
        0s > know 1
        0s > wait 1 in sales
        9s > snapshot p 1/1=PJSIP/trunk! 1@sales
        10s > ring 1/2 PJSIP/1001 in sales for 1/1
           < show ann ringing
        """
    )
    assert talk.desk.visible("ann")[0].waited_s == 10.0


def test_an_older_call_told_again_is_no_consultation(talk: Conversation) -> None:
    """Ann dialled call 1 and holds it, then took call 5: after a reconnect call 1 is still a matter of its own."""
    talk(
        """
        0s > leg 1/1 PJSIP/1001
        0s > leg 1/2 PJSIP/trunk
        5s > leg 5/5 PJSIP/trunk
        6s > ring 5/6 PJSIP/1001 in sales for 5/5
           < show ann ringing
        7s > answer 5/6 PJSIP/1001
           < update ann talking
           < record 5 answered by ann
        8s > lost p
        9s > snapshot p 1/1=PJSIP/1001! 1/2=PJSIP/trunk! 5/5=PJSIP/trunk! 5/6=PJSIP/1001!
        20s > ring 1/9 PJSIP/1002 for 1/2
           < show ben ringing
        """
    )
