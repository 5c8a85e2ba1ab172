"""What a run of the scan benchmark found, as figures and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.bench.scan_usage import OTHERS, OURS
from tests.bench.scan_users import Scan


@dataclass(kw_only=True)
class Report:
    """Figures of the measured time, and the fate of every scan of the whole run."""

    options: dict[str, Any]
    seconds: float
    completed: int
    scans_per_minute: float
    submit_ms: dict[str, float]
    """p50, p95, p99 and max of the answer to the submission."""
    end_to_end_seconds: dict[str, float]
    """The same from submission to `done`."""
    result_ms: dict[str, float]
    """The same of fetching the result."""
    accepted: int
    """Jobs of the whole run."""
    states: dict[str, int]
    """Their states in the database at the end."""
    lost: int
    """Accepted jobs that neither completed nor failed nor were cancelled."""
    unread: int
    """Jobs that were done and whose result could not be read."""
    outcomes: dict[str, int]
    """What users saw, whole run."""
    duplicated_events: int
    missing_events: int
    disordered_events: int
    reconnects: int
    cpu_ms_per_scan: dict[str, float]
    rss_mib: dict[str, int]
    problems: dict[str, int]
    model: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        options: dict[str, Any],
        seconds: float,
        scans: Sequence[Scan],
        inside: Sequence[Scan],
        states: dict[str, int],
        cpu_ms: dict[str, float],
        rss_mib: dict[str, int],
        problems: dict[str, int],
    ) -> Self:
        """Figures of `inside`, fates of `scans`."""
        accepted = sum(bool(scan.job_id) for scan in scans)
        ended = sum(states.get(status, 0) for status in ("completed", "failed", "cancelled"))
        seen = [scan for scan in scans if scan.job_id and scan.outcome != "cut_off"]
        return cls(
            options=options,
            seconds=round(seconds, 1),
            completed=len(inside),
            scans_per_minute=round(len(inside) * 60 / seconds, 1),
            submit_ms=spread([(s.accepted_at - s.submitted_at) * 1000 for s in inside]),
            end_to_end_seconds=spread([s.done_at - s.submitted_at for s in inside]),
            result_ms=spread([(s.fetched_at - s.done_at) * 1000 for s in inside]),
            accepted=accepted,
            states=states,
            lost=accepted - ended,
            unread=sum(scan.outcome == "unread" for scan in scans),
            outcomes=dict(Counter(scan.outcome for scan in scans)),
            duplicated_events=sum(scan.duplicates for scan in seen),
            missing_events=sum(scan.missing for scan in seen if scan.outcome == "completed"),
            disordered_events=sum(scan.disordered for scan in seen),
            reconnects=sum(scan.reconnects for scan in scans),
            cpu_ms_per_scan=cpu_ms,
            rss_mib=rss_mib,
            problems=problems,
        )


def spread(values: Sequence[float]) -> dict[str, float]:
    """Percentiles of `values`; empty for none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    picked = {
        f"p{percent}": ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
        for percent in (50, 95, 99)
    }
    return {name: round(value, 2) for name, value in {**picked, "max": ordered[-1]}.items()}


def show(report: Report) -> str:
    """The report as a page."""
    options = report.options
    share = 100 * report.states.get("completed", 0) / max(report.accepted, 1)
    lines = [
        f"{options['users']} users, {report.seconds:g} s measured, model latencies × "
        f"{options['scale']:g}" + (", stages killed half-way" if options["kill_worker"] else ""),
        "",
        f"  throughput      {report.scans_per_minute:g} scans/min ({report.completed} scans)",
        f"  submit          {_times(report.submit_ms, 'ms')}",
        f"  end to end      {_times(report.end_to_end_seconds, 's')}",
        f"  result          {_times(report.result_ms, 'ms')}",
        f"  completion      {share:.2f} % of {report.accepted} accepted; lost {report.lost}; "
        f"unread {report.unread}; {_counts(report.states)}",
        f"  as users saw it {_counts(report.outcomes)}; reconnects {report.reconnects}",
        f"  events          duplicated {report.duplicated_events}, missing "
        f"{report.missing_events}, out of order {report.disordered_events}",
        f"  model           {report.model}",
        "",
        "  CPU ms/scan and memory",
        f"    {'our Python':<14}{report.cpu_ms_per_scan['python']:>8.2f} ms"
        f"{sum(report.rss_mib[group] for group in OURS):>8} MiB",
    ]
    lines += [
        f"      {group:<12}{report.cpu_ms_per_scan[group]:>8.2f} ms{report.rss_mib[group]:>8} MiB"
        for group in (*OURS, *OTHERS, "model", "load")
    ]
    lines += [f"  ! {count} × {problem}" for problem, count in report.problems.items()]
    return "\n".join(lines)


def _times(found: dict[str, float], unit: str) -> str:
    return "  ".join(f"{name} {value:g} {unit}" for name, value in found.items()) or "none"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items())) or "none"
