"""The limit on open files: every producer holds two connections, and common defaults (256, 1024) are soon used up."""

from __future__ import annotations

import resource

RESERVE = 256
CEILING = 65_536


def files_needed(servers: int) -> int:
    """Open files that the process with most of them needs: the fleet, two connections a server."""
    return 2 * servers + RESERVE


def raise_limit(needed: int) -> str | None:
    """Raise the soft limit as far as the hard one lets; children inherit it.

    Returns:
        What is wrong and how to repair it, or None where the limit is enough.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CEILING if hard == resource.RLIM_INFINITY else min(hard, CEILING)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):  # macOS caps it below the hard limit that it reports
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return None
    return (
        f"only {soft} open files are allowed and this lab may need {needed}; "
        f"raise it with `ulimit -n {needed}` (as root: `ulimit -Hn {needed}` first), or use fewer --servers"
    )
