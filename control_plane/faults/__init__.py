"""The fault engine: breaks one part of a running lab on purpose, for a time, and says when all is well again.

`catalog.py` says what there is, `engine.py` begins, ends and records, the other modules act on one kind of part each.
"""
