"""Fault scripts for a class: predict, break, measure, explain. `python3 lab.py scenario NAME --seed N`.

Pure parts: `script` (a TOML file and a seed become a schedule of faults), `measures` (what was seen becomes figures),
`quiz` (predictions and how right they were). I/O: `play` (runs a schedule against a lab), `command` (the command line).
The scripts are in `library/`.
"""
