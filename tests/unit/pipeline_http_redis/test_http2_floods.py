"""What HTTP/2 frames cost: h2's own events, made of real frames."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.settings import SettingCodes
from hypercorn.config import Config

from pipeline_http_redis.http2_floods import ALLOWANCE, PER_S, cost_of, new_allowance, without_cancelled
from pipeline_http_redis.http2_streams import STREAMS_BEYOND, CountingConnection

HEAD = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "x")]


def pair(streams: int = 1_000) -> tuple[H2Connection, CountingConnection]:
    """A client, and the server's side as the ingest makes it."""
    config = Config()
    config.h2_max_concurrent_streams = streams
    client, server = H2Connection(H2Configuration(client_side=True)), CountingConnection(config)
    client.initiate_connection()
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())
    server.receive_data(client.data_to_send())
    return client, server


def events_of(send: Callable[[H2Connection], None]) -> list[Event]:
    client, server = pair()
    send(client)
    return server.receive_data(client.data_to_send())


def a_request(client: H2Connection) -> None:
    client.send_headers(1, HEAD)


def then(*more: Callable[[H2Connection], None]) -> Callable[[H2Connection], None]:
    def send(client: H2Connection) -> None:
        for each in (a_request, *more):
            each(client)

    return send


@pytest.mark.parametrize(
    "send, cost",
    [
        (a_request, -1),
        (then(lambda client: client.reset_stream(1)), 2),
        (lambda client: client.ping(b"8 bytes."), 1),
        (lambda client: client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 70_000}), 3),
        (lambda client: client.prioritize(3, weight=7), 1),
        (lambda client: client.increment_flow_control_window(5), 0.25),
        (then(lambda client: client.send_data(1, b"")), 0),
        (then(lambda client: client.send_data(1, b"fifteen bytes..")), 0),
        (then(lambda client: client.send_data(1, b"sixteen bytes...")), -1),
        (then(lambda client: client.send_data(1, b"", end_stream=True)), -1),
    ],
)
def test_costs(send: Callable[[H2Connection], None], cost: float) -> None:
    assert cost_of(events_of(send)) == cost


def test_nothing_is_begun_for_what_was_cancelled_in_the_same_read() -> None:
    client, server = pair()
    for stream in (1, 3, 5):
        client.send_headers(stream, HEAD)
        client.send_data(stream, b"a body that is long enough")
    client.reset_stream(3)
    left = without_cancelled(server.receive_data(client.data_to_send()))
    assert {getattr(event, "stream_id", None) for event in left} == {1, 5}
    client.reset_stream(5)
    later = server.receive_data(client.data_to_send())
    assert without_cancelled(later) == later, "this one had begun: it must be told"


def test_an_honest_client_never_runs_out() -> None:
    """A thousand requests a second, a window update after each answer, one in fifty cancelled."""
    allowance = new_allowance(0.0)
    for number in range(10_000):
        cost = -1 + 2 * 0.25 + (3 if number % 50 == 0 else 0)
        assert allowance.spend(cost, number / 1_000)


def test_a_rapid_reset_runs_out_at_once() -> None:
    allowance = new_allowance(0.0)
    assert sum(allowance.spend(2, 0.0) for _ in range(1_000)) == ALLOWANCE / 2
    allowance = new_allowance(0.0)
    assert sum(allowance.spend(2, n / 1_000) for n in range(10_000)) < (ALLOWANCE + 10 * PER_S) / 2 + 1


def test_streams_are_counted_exactly_where_it_matters() -> None:
    client, server = pair(streams=200)
    client.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 10_000
    client.remote_settings.acknowledge()
    for stream in range(1, 401, 2):
        client.send_headers(stream, HEAD)
    server.receive_data(client.data_to_send())
    assert server.open_inbound_streams == 200
    for stream in range(1, 301, 2):
        client.reset_stream(stream)
    server.receive_data(client.data_to_send())
    assert server.open_inbound_streams == 50
    for stream in range(401, 401 + 2 * (150 + STREAMS_BEYOND), 2):
        client.send_headers(stream, HEAD)
    server.receive_data(client.data_to_send())
    assert server.open_inbound_streams == 200 + STREAMS_BEYOND, "and the one after that ends the connection"
