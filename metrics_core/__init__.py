"""The algebra that both pipelines share: sample, batch, summary, histogram, intervals, snapshot, errors.

Pure by rule: nothing here reads a clock, opens a socket, touches asyncio or draws a random number; time comes in
as an argument (`now_us`). That is what lets one test prove that two very different pipelines compute the same
thing (`tests/contract/`), and what lets a student read the lab's semantics without reading any I/O.
"""
