"""The verdict on a run, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soak.observation import Judge
from soak.watching import LARGEST_INCREASE, Sample, largest_growth, trend

# The embedded server's exit code, the death of another by the signal, and a clean end.
_ENDS_OF_SIGTERM = (143, -15, 0)


def summarize(
    judge: Judge,
    samples: Sequence[Sample],
    seconds: float,
    changes: Mapping[str, int],
    ending: Mapping[str, Any],
) -> dict[str, Any]:
    """All figures of a run of so many seconds, with the reasons why it failed, if it did.

    Args:
        judge: Of all requests.
        samples: Of the server, second by second.
        seconds: How long the load went on.
        changes: What was changed, and how often.
        ending: `stop_seconds`, `exit_code` (None: it had to be killed), `alarms` of its log.
    """
    rss = trend(samples, seconds, lambda s: s.rss_bytes)
    own = trend(samples, seconds, lambda s: s.own_bytes)
    pss = trend(samples, seconds, lambda s: s.pss_bytes)
    files = trend(samples, seconds, lambda s: s.files)
    threads = trend(samples, seconds, lambda s: s.threads)
    cpu = samples[-1].cpu_seconds - samples[0].cpu_seconds if samples else 0.0
    summary: dict[str, Any] = {
        "seconds": round(seconds, 1),
        "requests": judge.total(),
        "lost": judge.total("lost"),
        "wrong": judge.total("wrong"),
        "kinds": judge.by_kind(),
        "slowest_seconds": {kind: round(s, 3) for kind, s in sorted(judge.slowest.items())},
        "changes": dict(sorted(changes.items())),
        "memory": {
            "rss_first_bytes": int(rss.first),
            "rss_last_bytes": int(rss.last),
            "rss_growth": round(rss.growth, 4),
            "rss_peak_bytes": max((s.rss_bytes for s in samples), default=0),
            "own_first_bytes": int(own.first),
            "own_last_bytes": int(own.last),
            "own_growth": round(own.growth, 4),
            "pss_first_bytes": int(pss.first),
            "pss_last_bytes": int(pss.last),
            "pss_growth": round(pss.growth, 4),
        },
        "files": {"first": files.first, "last": files.last},
        "threads": {"first": threads.first, "last": threads.last},
        "cpu_share": round(cpu / seconds, 3),
        **ending,
        "failures": judge.failures,
        "samples": [sample._asdict() for sample in samples],
    }
    summary["reasons"] = _reasons(summary)
    return summary


def _reasons(summary: Mapping[str, Any]) -> list[str]:
    memory = summary["memory"]
    reasons = [f"{summary[what]} {what}" for what in ("lost", "wrong") if summary[what]]
    if memory["rss_growth"] > largest_growth(summary["seconds"]):
        reasons.append(f"RSS grew by {memory['rss_growth']:.1%}")
    reasons += [
        f"{name} went from {summary[name]['first']:g} to {summary[name]['last']:g}"
        for name in ("files", "threads")
        if summary[name]["last"] > summary[name]["first"] + LARGEST_INCREASE
    ]
    if not memory["rss_last_bytes"]:
        reasons.append("memory was not measured to the end")
    if summary["exit_code"] is None:
        reasons.append("it did not end on SIGTERM")
    elif summary["exit_code"] not in _ENDS_OF_SIGTERM:
        reasons.append(f"it ended with {summary['exit_code']} on SIGTERM")
    if summary["alarms"]:
        reasons.append(f"{len(summary['alarms'])} alarms in its log")
    return reasons


def render_summary(summary: Mapping[str, Any]) -> str:
    """A summary for people."""
    lines = [f"{'':24}{'good':>10}{'lost':>7}{'wrong':>7}{'slowest':>10}"]
    for kind, outcomes in summary["kinds"].items():
        lost, wrong = outcomes.get("lost", 0), outcomes.get("wrong", 0)
        good, slowest = sum(outcomes.values()) - lost - wrong, summary["slowest_seconds"][kind]
        lines.append(f"{kind:24}{good:10}{lost:7}{wrong:7}{slowest:8.3f} s")
    memory, mega = summary["memory"], 1e6
    changes = ", ".join(f"{count} {what}" for what, count in summary["changes"].items())
    lines += [
        f"{summary['requests']} requests in {summary['seconds']:g} s; {changes}",
        f"RSS {memory['rss_first_bytes'] / mega:.1f} MB after the warm-up, "
        f"{memory['rss_last_bytes'] / mega:.1f} MB at the end ({memory['rss_growth']:+.1%}), "
        f"peak {memory['rss_peak_bytes'] / mega:.1f} MB",
        f"own memory {memory['own_first_bytes'] / mega:.1f} MB, then "
        f"{memory['own_last_bytes'] / mega:.1f} MB ({memory['own_growth']:+.1%}); "
        f"PSS {memory['pss_growth']:+.1%}",
        f"files {summary['files']['first']:g} → {summary['files']['last']:g}, "
        f"threads {summary['threads']['first']:g} → {summary['threads']['last']:g}, "
        f"{summary['cpu_share']:.2f} CPUs",
        f"SIGTERM: exit code {summary['exit_code']} after {summary['stop_seconds']:.2f} s",
        *(f"alarm: {line}" for line in summary["alarms"][:10]),
        "failed: " + "; ".join(summary["reasons"]) if summary["reasons"] else "all is well",
    ]
    return "\n".join(lines)
