"""`lab.py bench`: what the lab can do, each figure as a ratio to a bare reference measured in the same run."""
