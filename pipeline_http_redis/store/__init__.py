"""What pipeline A keeps in Redis; nothing outside this folder knows a Redis key.

==================  ===========  ==========================================================================
key                 type         holds
==================  ===========  ==========================================================================
lab:claim:<id>      string       the bytes of a committed batch until it is applied (claim check pattern)
lab:totals          hash         counter → samples (`metrics_core.snapshot.TOTALS`, batches, redelivered)
lab:latency:<clock> hash         histogram bucket → samples, cumulative; clocks `accepted`, `processed`
lab:producers       hash         producer → msgpack `[last sample, [window, …]]`
lab:epochs          hash         producer → "epoch,epoch,…"
lab:marks:<p>:<e>   sorted set   identities processed, as intervals: member = low, score = high
lab:stream          stream       one entry per applied batch: which producers changed
lab:processes       hash         process → msgpack `[pid, cpu percent, rss bytes, at µs]`
lab:gathered        hash         ingest process → msgpack `[batches not committed, most of them, at µs]`
lab:dead            list         samples and batches set aside, newest first, bounded
lab:dead:runs       list         their identities, "producer:epoch:low:high", newest first, bounded further off
lab:committed       channel      which traced samples were committed, and when: heard by fan-outs or by nobody
rq:…                             RQ's own: queue `batches`, its registries, its workers
==================  ===========  ==========================================================================

All aggregates of one batch change in one script, `apply.lua`. Each process has its own view: the ingest commits groups
(`intake`), a worker applies them (`applier`), a fan-out reads what changed (`feed`), everyone may read the counters and
the ledger (`counters`, `ledger`), an audit also asks where the rest is (`whereabouts`). No view holds state that Redis
does not.
"""
