"""Comparisons: arms side by side in interleaved blocks, and what may be said about them.

Pure mathematics (no socket, no clock): `statistics.py` (intervals), `judgement.py` (what an interval allows to say, in
words), `verdict.py` (a pair of arms), `slices.py` (runs that exist already), `fairness.py` (what else differs),
`factorial.py` (the 2 × 2), `budget.py` (thresholds).
"""
