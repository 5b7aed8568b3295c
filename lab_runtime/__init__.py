"""What every process of the lab needs around its purpose: settings, logs, signals, self-measurement, ops endpoints.

This is the I/O-side counterpart of `metrics_core`. It knows nothing of samples, pipelines or dashboards.
"""
