"""How much a pipeline takes: the sustainable rate (`search.py`), how it grows with workers (`curve.py`, `usl.py`)."""
