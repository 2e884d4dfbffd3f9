"""A replay's report on the terminal, the answer first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from ctiroute.cli.output import counted, out

if TYPE_CHECKING:
    from datetime import tzinfo

    from ctiroute.web.api.rules_found import Estimate, Group, ReplayReport, Unreachable

MOST = 20  # groups shown; --json has them all


def say(report: ReplayReport, zone: tzinfo) -> None:
    """Print a report. Times are in `zone`, the rules' own."""
    whole = "" if report.complete else " (not all: the replay was stopped or limited)"
    _print(f"{counted(report.judged, 'call')} of {_span(report, zone)} decided again{whole}: rules {report.against} -> {report.candidate}")
    if report.changed or report.renamed:
        _print(
            f"{report.moved:,} would go elsewhere, {report.shown:,} be shown otherwise, {report.renamed:,} only by a rule of another name"
        )
    elif report.judged:
        _print("nothing would change")
    _left_out(report)
    for group in report.groups[:MOST]:
        _group(group, zone)
    if len(report.groups) > MOST:
        _print(f"... and {counted(len(report.groups) - MOST, 'more kind')} of change: see --json")
    _load(report)
    _rules(report)
    if report.moved:
        _estimate(report.estimate)


def _span(report: ReplayReport, zone: tzinfo) -> str:
    until = report.until if report.complete or report.judged_until is None else report.judged_until
    return f"{report.since.astimezone(zone):%Y-%m-%d %H:%M} to {until.astimezone(zone):%Y-%m-%d %H:%M}"


def _left_out(report: ReplayReport) -> None:
    for why, count in report.left_out.items():
        _print(f"not judged: {counted(count, 'call')}: {why}")
    for each in report.unjudged:
        _print(f"not judged: {counted(each.calls, 'call')}: rule {each.rule} ({each.rules}) asks for {each.asked}, which is not kept")
    if report.otherwise_then:
        calls = counted(report.otherwise_then, "call")
        _print(f"{calls} took another way then: the rules were others, or less was known in time")


def _group(group: Group, zone: tzinfo) -> None:
    before, after = group.before, group.after
    _print(f"\n{counted(group.calls, 'call')} {group.kind}", style="bold")
    _print(f"  from {before.to}  ({before.rule})")
    _print(f"  to   {after.to}  ({after.rule})")
    for sample in group.samples:
        _print(f"    {sample.at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {sample.caller:14}  {sample.call_id}", style="dim")


def _load(report: ReplayReport) -> None:
    changed = [each for each in report.load if each.before != each.after]
    if not changed:
        return
    table = Table("\nhour", *(f"\n{each.queue}" for each in changed), box=None, pad_edge=False)
    for hour in range(24):
        if any(each.before[hour] or each.after[hour] for each in changed):
            table.add_row(f"{hour:02}", *(_change(each.before[hour], each.after[hour]) for each in changed))
    table.add_row("all", *(_change(sum(each.before), sum(each.after)) for each in changed))
    table.add_row("busiest hour", *(_change(each.busiest_before, each.busiest_after) for each in changed))
    _print("\ncalls sent to each queue, by hour of the day (queues whose load stays are left out)", style="bold")
    out.print(table)


def _change(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} -> {after:,}"


def _rules(report: ReplayReport) -> None:
    lost = [f"{each.rule} ({each.calls:,}{'' if each.there else ', not in the candidate'})" for each in report.lost]
    for title, names in (
        ("rules that took calls and would take none", lost),
        ("rules that no call can reach any more", [_unreachable(each) for each in report.unreachable if each.new]),
        ("rules that no call could reach before either", [_unreachable(each) for each in report.unreachable if not each.new]),
        ("rules that a call could reach, but none of these did", report.never),
    ):
        if names:
            more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
            _print(f"\n{title}:", style="bold")
            _print(f"  {', '.join(names[:MOST])}{more}")


def _unreachable(each: Unreachable) -> str:
    return f"{each.rule} ({f'{each.by} takes all its calls' if each.by else 'its conditions exclude each other'})"


def _estimate(estimate: Estimate) -> None:
    _print("\nwhat it would have meant: an ESTIMATE, from the waits that were recorded", style="bold")
    for shift in estimate.shifts:
        _print(
            f"  {counted(shift.calls, 'call')} from {shift.before or 'other ways'} to {shift.after}: "
            f"waited {shift.waited_s:.0f} s on average, would have waited {shift.would_wait_s:.0f} s (±{shift.error_s:.0f}); "
            f"{shift.left_share:.1%} left unanswered, would have been {shift.would_leave_share:.1%}"
        )
    for why, count in estimate.unknown.items():
        _print(f"  of {counted(count, 'call')} nothing can be said: {why}")
    for doubt in estimate.doubts:
        _print(f"  doubt: {doubt}")
    if estimate.shifts:
        _print("  it takes the queues as they were: the calls that would have come would have made them longer", style="dim")


def _print(text: str, style: str | None = None) -> None:
    out.print(text, style=style, markup=False, soft_wrap=True)
