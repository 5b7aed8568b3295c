"""The lab's command line, its local supervisor, and the control API that serves the dashboard.

It starts, watches, audits and stops the other packages' processes; it never imports their insides.
"""

__version__ = "0.1.0"
