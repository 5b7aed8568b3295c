"""The fleet and its servers as the control API shows them: JSON forms and Prometheus text."""

from __future__ import annotations

import time
from typing import Any, Final

from fake_servers.fleet import Fleet
from fake_servers.producer import Producer
from lab_runtime.ops import metrics_text
from lab_runtime.process import SelfMeter
from metrics_core.sample import METRICS

SHOWN_SAMPLES: Final = 120
"""Newest samples of one server that are shown."""


def server_view(producer: Producer) -> dict[str, Any]:
    """One server as `GET /api/servers` shows it: its present life; `lives` counts those before, too.

    `effects` has the seconds left of what was ordered for a time. Only pipelines that it sends to are told.
    """
    used = {name: link for name, link in producer.links.items() if link.on}
    pipelines = {
        name: {
            "transport": link.transport,
            "connected": link.connected,
            "waiting": link.waiting,
            "acked": link.outbox.acked.size,
            "rejected": sum(life.outbox.rejected.size for life in link.present()),
            "dropped": link.outbox.dropped.size,
            "replayed": link.outbox.replayed,
            "gone": link.outbox.gone.size,
            "resent": link.resent,
            "last_error": link.last_error,
        }
        for name, link in used.items()
    }
    return {
        "name": producer.name,
        "role": producer.role,
        "status": producer.status,
        "note": producer.note,
        "transport": "+".join(link.transport for link in used.values()),
        "epoch": producer.history.epoch,
        "next_seq": producer.history.next_seq,
        "skipped": producer.skipped,
        "lives": producer.lives,
        "invalid": producer.spoiled_n,
        "faults": producer.faults.active(),
        "effects": producer.effects(time.monotonic()),
        "last": producer.history.last(),
        "pipelines": pipelines,
    }


def server_page(producer: Producer) -> dict[str, Any]:
    """One server as `GET /api/servers/{name}` shows it: the same, and its newest samples, the oldest first."""
    return server_view(producer) | {"history": producer.history.newest(SHOWN_SAMPLES)}


def server_health(producer: Producer) -> tuple[int, dict[str, Any]]:
    """Whether a server takes readings and somebody takes them off it: an HTTP status, and why."""
    reached = {name: link.connected for name, link in producer.links.items() if link.on}
    if producer.status != "sampling":
        return 503, {"name": producer.name, "status": producer.status, "reached": reached}
    if reached and not any(reached.values()):
        return 503, {"name": producer.name, "status": "cut off", "reached": reached}
    status = "healthy" if all(reached.values()) else "degraded"
    return 200, {"name": producer.name, "status": status, "reached": reached}


def server_metrics(producer: Producer) -> bytes:
    """One server as Prometheus text, with its name as the label."""
    counters: dict[str, float] = {
        "server_samples": producer.created_before + producer.history.next_seq,
        "server_invalid_samples": producer.spoiled_n,
        "server_skipped_slots": producer.skipped,
        "server_starts": producer.lives,
    }
    gauges: dict[str, float] = {"server_healthy": float(server_health(producer)[0] == 200)}
    if last := producer.history.last():
        gauges |= {f"server_{metric}": getattr(last, metric) for metric in METRICS}
    for pipeline, link in producer.links.items():
        lives = [life.outbox for life in link.lives()]
        counters[f"server_{pipeline}_acked"] = sum(outbox.acked.size for outbox in lives)
        counters[f"server_{pipeline}_rejected"] = sum(outbox.rejected.size for outbox in lives)
        gauges[f"server_{pipeline}_waiting"] = link.waiting
        gauges[f"server_{pipeline}_connected"] = link.connected
    return metrics_text(producer.name, counters, gauges)


def fleet_metrics(fleet: Fleet, meter: SelfMeter) -> bytes:
    """The fleet as Prometheus text; what concerns one pipeline has its name in front."""
    process, everyone = meter.observe(), list(fleet.roster.everyone())
    counters: dict[str, float] = {
        "samples": sum(p.created_before + p.history.next_seq for p in everyone),
        "invalid_samples": sum(producer.spoiled_n for producer in everyone),
        "skipped_slots": sum(producer.skipped for producer in everyone),
        "link_crashes": fleet.crashes,
    }
    if fleet.sample_log:
        counters["sample_log_written"] = fleet.sample_log.written
        counters["sample_log_failed"] = fleet.sample_log.failed
        counters["sample_log_files_deleted"] = fleet.sample_log.files_deleted
    gauges: dict[str, float] = {
        "servers": len(fleet.producers),
        "cpu_percent": process.cpu_percent,
        "rss_bytes": process.rss_bytes,
    }
    for pipeline in fleet.pipelines:
        links = fleet.roster.all_links(pipeline)
        outboxes = [life.outbox for link in links for life in link.lives()]
        counters[f"{pipeline}_acked"] = sum(outbox.acked.size for outbox in outboxes)
        counters[f"{pipeline}_rejected"] = sum(outbox.rejected.size for outbox in outboxes)
        counters[f"{pipeline}_replayed"] = sum(outbox.replayed for outbox in outboxes)
        counters[f"{pipeline}_resent"] = fleet.resent(pipeline)
        counters[f"{pipeline}_crashed"] = sum(
            life.outbox.crashed.size for link in links for life in link.past
        )
        counters[f"{pipeline}_sends"] = sum(link.sends for link in links)
        counters[f"{pipeline}_failures"] = sum(link.failures for link in links)
        # Gauges: a late ack takes a sample back out of these.
        gauges[f"{pipeline}_dropped"] = sum(outbox.dropped.size for outbox in outboxes)
        gauges[f"{pipeline}_gone"] = sum(outbox.gone.size for outbox in outboxes)
        gauges[f"{pipeline}_waiting"] = sum(link.waiting for link in links)
        gauges[f"{pipeline}_connected"] = sum(link.connected for link in links)
    return metrics_text("fleet", counters, gauges)
