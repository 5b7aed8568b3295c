"""The load generator: Locust users that send by a seeded schedule (open model) and measure in µs.

From the plan to the figures: `shapes` and `schedule` say when each sample is meant to be sent, `pacer` waits for that
moment, `producer` sends it and hears what became of it, `observer` sees it on the feed, `recorder` counts, `agent`
runs the producers of one Locust process, `coordinator` leads all agents through warm-up, measurement and settling,
`outcome` makes a `Run` of it. `users` and `hooks` tie this to Locust.
"""
