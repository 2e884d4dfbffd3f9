"""How a pop follows the caller from one operator to another, with the colleague's note."""

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
CONSULTING = (
    TALKING
    + """
    5s > note ann wants 24 months
    6s > hold 1/2
       < update ann held
    7s > leg 9/9 PJSIP/1001
    7s > leg 9/10 PJSIP/1002
    8s > ring 9/10 PJSIP/1002 for 9/9
       < show ben ringing about 1 from ann Ann Lee: wants 24 months
"""
)


def test_blind_transfer(talk: Conversation) -> None:
    """The pop ends at the sender, and the next one carries his name and his note, also what he types after he left."""
    talk(
        TALKING
        + """
        5s > note ann wants 24 months
        6s > blind 1/2 1002
           < close ann ended
        6s > done 1/2 transfer in sales
        6s > gone 1/2
        7s > ring 1/3 PJSIP/1002 for 1/1
           < show ben ringing from ann Ann Lee: wants 24 months
        8s > note ann wants 24 months, asked for Friday
           < update ben ringing from ann Ann Lee: wants 24 months, asked for Friday
        9s > answer 1/3 PJSIP/1002
           < update ben talking from ann Ann Lee: wants 24 months, asked for Friday
           < record 1 answered by ben
        30s > gone 1/3
           < close ben ended from ann Ann Lee: wants 24 months, asked for Friday
        30s > gone 1/1
           < record 1 ended
           < forget 1
        """
    )


def test_blind_transfer_without_a_note(talk: Conversation) -> None:
    """Who wrote nothing is still named, with an empty note."""
    talk(TALKING + "6s > blind 1/2 1002\n < close ann ended\n 7s > ring 1/3 PJSIP/1002 for 1/1\n < show ben ringing from ann")
    [offer] = talk.desk.visible("ben")
    assert offer.note is not None
    assert (offer.note.operator_name, offer.note.text, offer.note.noted_at) == ("Ann Lee", "", None)


def test_note_goes_on_over_a_colleague_who_wrote_nothing(talk: Conversation) -> None:
    """The third operator sees from whom the call came, and the last note anybody wrote."""
    talk(
        TALKING
        + """
        3s > note ann urgent
        4s > blind 1/2 1002
           < close ann ended
        5s > ring 1/3 PJSIP/1002 for 1/1
           < show ben ringing from ann Ann Lee: urgent
        6s > answer 1/3 PJSIP/1002
           < update ben talking from ann Ann Lee: urgent
           < record 1 answered by ben
        7s > blind 1/3 1003
           < close ben ended from ann Ann Lee: urgent
        8s > ring 1/4 SIP/cat for 1/1
           < show cat ringing from ben Ann Lee: urgent
        """
    )


def test_note_of_an_operator_who_was_taken_out(talk: Conversation) -> None:
    """A colleague who is no longer configured is named by his id."""
    talk(TALKING + "3s > note ann urgent\n 4s > blind 1/2 1002\n < close ann ended")
    ben = talk.desk._life.directory.at_interface("PJSIP/1002")
    talk.desk.set_operators(ben)
    talk("5s > ring 1/3 PJSIP/1002 for 1/1\n < show ben ringing from ann ann: urgent")


def test_transfer_told_by_the_end_of_the_talk(talk: Conversation) -> None:
    """A queue that only says the talk ended by a transfer is enough."""
    talk(TALKING + "6s > done 1/2 transfer in sales\n < close ann ended\n 7s > ring 1/3 PJSIP/1002 for 1/1\n < show ben ringing from ann")


def test_transfer_told_after_the_next_ring(talk: Conversation) -> None:
    """A pop that rings already when the transfer is told learns from whom it came."""
    talk(
        TALKING
        + """
        6s > gone 1/2
           < close ann ended
        7s > ring 1/3 PJSIP/1002 for 1/1
           < show ben ringing
        7s > blind 1/2 1002
           < update ben ringing from ann
        """
    )


def test_transfer_on_a_leg_nobody_knows(talk: Conversation) -> None:
    """With one talk there is one who can have sent the caller on."""
    talk(TALKING + "6s > blind 1/77 1002\n < close ann ended\n 7s > ring 1/3 PJSIP/1002 for 1/1\n < show ben ringing from ann")


def test_call_that_comes_back(talk: Conversation) -> None:
    """A transfer that returns to its sender is no transfer from himself."""
    talk(TALKING + "6s > blind 1/2 1002\n < close ann ended\n 7s > ring 1/3 PJSIP/1001 for 1/1\n < show ann ringing")


def test_transfer_outlives_the_leg_that_began_the_call(talk: Conversation) -> None:
    """When the caller's own leg ends and others go on, the call lives until the last of them ends."""
    talk(
        """
        0s > leg 1/1 PJSIP/1001
        0s > leg 1/2 PJSIP/trunk
        5s > blind 1/1 1002
        5s > ring 1/3 PJSIP/1002 for 1/2
           < show ben ringing
        5s > gone 1/1
        6s > answer 1/3 PJSIP/1002
           < update ben talking
           < record 1 answered by ben
        9s > gone 1/2
        9s > gone 1/3
           < close ben ended
           < record 1 ended
           < forget 1
        """
    )


def test_attended_transfer_of_two_calls(talk: Conversation) -> None:
    """While a colleague consults, the pop is about his customer; once he joined the calls and left, it is the customer's call."""
    talk(
        CONSULTING
        + """
        9s > note ann wants 36 months
           < update ben ringing about 1 from ann Ann Lee: wants 36 months
        10s > answer 9/10 PJSIP/1002
           < update ben talking about 1 from ann Ann Lee: wants 36 months
        11s > refresh 1
           < update ann held
           < update ben talking about 1 from ann Ann Lee: wants 36 months
        14s > attended 1/2 9/9 10
           < close ann ended
           < update ben talking from ann Ann Lee: wants 36 months
           < record 1 by ben
           < forget 9
        14s > gone 1/2
        14s > gone 9/9
        15s > refresh 9
           < update ben talking from ann Ann Lee: wants 36 months
        20s > gone 1/1
        20s > gone 1/10
           < close ben ended from ann Ann Lee: wants 36 months
           < record 1 ended
           < forget 1
        """
    )


def test_attended_transfer_asked_for_on_the_other_call(talk: Conversation) -> None:
    """A phone may name the consultation first: what was announced tells which call is the customer's."""
    talk(
        CONSULTING
        + """
        10s > answer 9/10 PJSIP/1002
           < update ben talking about 1 from ann Ann Lee: wants 24 months
        14s > attended 9/9 1/2 10
           < close ann ended
           < update ben talking from ann Ann Lee: wants 24 months
           < record 1 by ben
           < forget 9
        """
    )


def test_attended_transfer_to_a_phone_that_still_rings(talk: Conversation) -> None:
    """Who leaves before the colleague picked up leaves him ringing, now for the customer himself."""
    talk(
        CONSULTING
        + """
        14s > attended 1/2 9/9 10
           < close ann ended
           < update ben ringing from ann Ann Lee: wants 24 months
           < forget 9
        14s > gone 9/9
        14s > gone 1/2
        16s > answer 9/10 PJSIP/1002
           < update ben talking from ann Ann Lee: wants 24 months
           < record 1 answered by ben
        """
    )


def test_attended_transfer_to_who_was_on_hold(talk: Conversation) -> None:
    """A colleague held during the joining talks with the customer after it."""
    talk(
        CONSULTING
        + """
        10s > answer 9/10 PJSIP/1002
           < update ben talking about 1 from ann Ann Lee: wants 24 months
        11s > hold 9/9
           < update ben held about 1 from ann Ann Lee: wants 24 months
        14s > attended 1/2 9/9 10
           < close ann ended
           < update ben talking from ann Ann Lee: wants 24 months
           < record 1 by ben
           < forget 9
        """
    )


def test_attended_transfer_whose_legs_nobody_knows(talk: Conversation) -> None:
    """Who consulted is who leaves, even when the event names legs that were never told."""
    talk(
        CONSULTING + "14s > attended 1/55 9/56 10\n < close ann ended\n < update ben ringing from ann Ann Lee: wants 24 months\n < forget 9"
    )


def test_consultation_without_a_transfer(talk: Conversation) -> None:
    """A colleague who was only asked loses the pop with the call; the sender keeps his, and no record is made."""
    talk(
        CONSULTING
        + """
        10s > answer 9/10 PJSIP/1002
           < update ben talking about 1 from ann Ann Lee: wants 24 months
        20s > gone 9/10
           < close ben ended about 1 from ann Ann Lee: wants 24 months
        20s > gone 9/9
           < forget 9
        21s > unhold 1/2
           < update ann talking
        """
    )


def test_customer_leaves_during_the_consultation(talk: Conversation) -> None:
    """The customer's context is needed as long as a pop is about him."""
    talk(
        CONSULTING
        + """
        9s > gone 1/2
           < close ann ended
        9s > gone 1/1
           < record 1 ended
        12s > gone 9/10
           < close ben missed about 1 from ann Ann Lee: wants 24 months
           < missed ben 4s
           < forget 1
        12s > gone 9/9
           < forget 9
        """
    )


def test_transfer_to_an_operator_in_both_calls(talk: Conversation) -> None:
    """One who is asked about a call that shows on his screen already keeps one pop of it."""
    talk(
        TALKING
        + """
        3s > ring 1/7 PJSIP/1002 for 1/1
           < show ben ringing
        7s > leg 9/9 PJSIP/1001
        8s > ring 9/10 PJSIP/1002 for 9/9
           < show ben ringing about 1 from ann
        14s > attended 1/2 9/9 10
           < close ann ended
           < close ben ended about 1 from ann
           < forget 9
        """
    )
    assert talk.screen("ben") == ["ben ringing"]


def test_transfer_within_one_linked_id(talk: Conversation) -> None:
    """Asterisk's own attended transfer keeps one linked id: a leg that is not the caller's asks while a colleague talks."""
    talk(
        TALKING
        + """
        3s > note ann VIP
        4s > hold 1/1
           < update ann held
        5s > ring 1/7 PJSIP/1002 for 1/6
           < show ben ringing from ann Ann Lee: VIP
        6s > answer 1/7 PJSIP/1002
           < update ben talking from ann Ann Lee: VIP
           < record 1 answered by ben
        8s > hold 1/1
           < update ben held from ann Ann Lee: VIP
        9s > attended 1/2 1/2 7
           < close ann ended
           < update ben talking from ann Ann Lee: VIP
           < record 1 by ben
        9s > gone 1/2
        20s > gone 1/7
           < close ben ended from ann Ann Lee: VIP
        """
    )


def test_transfer_of_calls_half_known(talk: Conversation) -> None:
    """A consultation we never heard of does no harm: the sender's pop ends, and who rings next comes from him."""
    talk(TALKING + "9s > attended 1/2 8/8 6\n < close ann ended\n 10s > ring 1/6 PJSIP/1002 for 1/1\n < show ben ringing from ann")


def test_note_of_another_is_refused(talk: Conversation) -> None:
    """A note is kept only from whose pop it is."""
    talk(TALKING)
    assert talk.desk.write_note("p:1~ann~p:2", "ben", "mine", talk.now) == []
    assert talk.desk.write_note("p:1~ann~p:77", "ann", "mine", talk.now) == []
    talk("6s > blind 1/2 1002\n < close ann ended\n 7s > ring 1/3 PJSIP/1002 for 1/1\n < show ben ringing from ann")
