"""What load is put on: a rig of the measurement's own (`rig.py`) or a lab that runs, and what it costs (`cost.py`)."""
