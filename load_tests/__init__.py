"""Load on the pipelines: generators on the wire (`wire/`), used by `lab.py bench` and by tests."""
