"""Load generators that write protocol bytes themselves, so that one core can outrun any server of the lab.

A client library costs as much per request as the server it measures: with both on two cores the generator would be
the limit and the figure void. Here a request costs one format, one `send` and one look at the reply. Every reply is
still checked: its status, its HTTP version, its order. One thread, `epoll`, no framework.
"""
