"""Runs on disk: what a load run leaves behind (`schema.py`), where (`folder.py`), how it is found (`index.py`)."""
