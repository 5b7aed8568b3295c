"""Crossovers: each pipeline's ingest before the other's store, so that transport and store can be told apart.

===================  ==========================  ===========================
before …             memory (aggregator, ring)   Redis and RQ workers
===================  ==========================  ===========================
HTTP                 `http_memory.py`            `pipeline_http_redis/`
WebSocket            `pipeline_websocket/`       `websocket_redis.py`
===================  ==========================  ===========================

They are made of the pipelines' own parts and add none: what one costs more than its neighbour is the one factor in
which they differ. In ledgers, histograms and feeds `pipeline` names the pipeline whose store it is (`websocket` for
memory, `http_redis` for Redis), since the figures come out of that store.
"""
