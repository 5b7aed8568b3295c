"""The controls of a lab that runs: knobs, servers, load tests, markers; each one an endpoint of the control API.

`routes.py` is what the page calls. What a control changes lies elsewhere: the fleet and pipeline B change themselves
when asked, workers and the store's `appendfsync` are the supervisor's (`keeper.py`). Every change is an event and a
line in the run's audit log (`trail.py`).
"""
