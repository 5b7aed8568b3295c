"""Every control that changes the lab pressed in a real Chromium on a real lab, and its effect seen outside the page.

Seen in the pipelines' ledgers and feeds, in the fleet, in processes, events and the audit log. Each test presses all
controls of its part of the page: one that it does not press fails it, and one that is in no part fails the last test.
Controls that change how the page looks are in `test_every_view_control.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

import httpx2
import psutil
import pytest
import redis
from playwright.sync_api import Page

from lab_runtime import valkey
from load_tests.runs.names import RESULTS
from tests.browser.conftest import OpenPage
from tests.browser.pressing import VIEW, WITHIN_S, Lab, Pressing, live_page, of, shown
from tests.lab_process import LabProcess, until

KNOBS: Final = "#controls .band-head, #knob-form"
SERVERS: Final = "#server-form, #broadcast-form"
CARDS: Final = ".grid-tools > :not(#join-open), #server-window, #server-dialog"
PROCESSES: Final = "#process-form, #load-form"
FAULTS: Final = "#faults, #ledger"
JOINING: Final = "#join-open, #join-dialog"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    process = LabProcess(tmp_path_factory.mktemp("every") / "state", LAB_RATE="4")
    try:
        yield Lab.started(process)
    finally:
        process.close()


@pytest.fixture
def page(lab: Lab, open_page: OpenPage) -> Page:
    return live_page(open_page, f"http://127.0.0.1:{lab.process.port_base}/")


def test_knobs(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    form = page.locator("#knob-form")
    docs = page.locator("#controls .band-head a")
    form.scroll_into_view_if_needed()
    shown(form, "Workers")

    def turn(**knobs: int | str) -> None:
        """Set knobs; the control API tells them so, and the audit log that the page asked for them."""
        for name, value in knobs.items():
            row = form.locator(f"[data-knob={name}]")
            if row.locator("input[type=radio]").count():
                on.pick(row.locator(f"input[value='{value}']"))
            else:
                on.fill(row.locator("input"), str(value))
        send = form.locator("[data-field=submit]")
        before = len(lab.trail())
        on.press(send, lambda: len(lab.trail()) > before)
        assert lab.trail()[-1] == ("/api/knobs", knobs, 200)
        assert {name: lab.knobs()[name] for name in knobs} == knobs

    first = {"rate_factor": 10, "batch": 5, "servers": 12, "workers": 3, "ring_capacity": 2}
    turn(**first, compression="on", fsync="everysec")
    until(lambda: lab.gauge(3, "producer_connections_compressed") == 12, WITHIN_S)
    assert "worker-3" in [process["name"] for process in lab.see("/api/processes")["processes"]]
    store = redis.Redis.from_url(valkey.socket_url(lab.run_dir / "redis.sock"))
    assert store.config_get("appendfsync") == {"appendfsync": "everysec"}
    for offset in (2, 3):
        until(of(offset, lambda offset: len(lab.snapshot(offset)["producers"]) == 12), WITHIN_S)
    until(lambda: lab.see("/v1/whereabouts", 3)["counts"]["ring"] <= 2 * 12, WITHIN_S)
    for name in ("fleet", "websocket"):  # what is started again is told again
        lab.process.kill(name)
        until(
            of(name, lambda name: lab.told("control", f"{name} was started again, and its knobs")), WITHIN_S
        )
    fleet = lab.see("/api/fleet", 4)
    assert (fleet["rate_factor"], fleet["batch"], fleet["servers"]) == (10, 5, 12)
    assert (lab.knobs()["ring_capacity"], lab.knobs()["compression"]) == (2, "on")
    assert lab.see("/api/lab")["settings"]["servers"] == 12
    turn(transport="http1", rate_factor=100, servers=2, fsync="no", replay="off")
    assert lab.server("web-01")["transport"] == "http1"
    assert lab.see("/api/fleet", 4)["replay"] == "off"
    lab.moves(1)
    turn(transport="http2")
    assert lab.server("web-01")["transport"] == "http2"
    turn(transport="websocket")
    lab.moves(3)
    turn(transport="twin", rate_factor=1, batch=1, replay="on", servers=10, fsync="always")
    turn(compression="off", workers=2, ring_capacity=512)
    assert store.config_get("appendfsync") == {"appendfsync": "always"}
    store.close()
    asked = len(lab.trail())
    many = form.locator("[data-knob=servers] input")
    many.fill("77")
    on.press(form.locator("[data-field=reset]"), lambda: many.input_value() == "10")
    assert len(lab.trail()) == asked, "nothing was sent"
    on.press(docs, lambda: page.url.endswith("/api/docs"))
    page.go_back()
    assert on.left(KNOBS) == set()


def amounts(lab: Lab) -> list[int]:
    """Rejected samples, by pipeline."""
    return [lab.total(offset, "rejected") for offset in (1, 3)]


def test_servers_and_broadcast(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    form = page.locator("#server-form")
    epoch, rejected = lab.server("web-01")["epoch"], amounts(lab)
    orders = {
        "stop": ((), lambda: lab.server("web-01")["status"] == "stopped"),
        "start": ((), lambda: lab.server("web-01")["status"] == "sampling"),
        "restart": ((), lambda: lab.server("web-01")["epoch"] > epoch),
        "spike": (("40", "60"), lambda: "spike" in lab.server("web-01")["effects"]),
        "load": (("97", "60"), lambda: all("cpu critical" in told for told in alerts(lab, "web-01"))),
        "latency": (("50", "60"), lambda: "latency" in lab.server("web-01")["effects"]),
        "invalid": (("3",), lambda: amounts(lab) == [n + 3 for n in rejected]),
    }
    for action, (asks, effect) in orders.items():
        on.fill(form.locator("[data-field=target]"), "web-01")
        on.choose(form.locator("[data-field=action]"), action)
        for i, text in enumerate(asks):
            on.fill(form.locator(f"[data-field=ask-{i}]"), text)
        on.press(form.locator("[data-field=submit]"), effect)
        until(of(action, lambda action: lab.told("control", f"{action} on web-01")), WITHIN_S)
    assert form.locator("option").count() >= len(orders), "the list has no order that is not tried"
    on.fill(page.locator("#broadcast-text"), "look here")
    on.press(
        page.locator("#broadcast-form button"),
        lambda: {lab.server(name)["note"] for name in ("web-01", "db-01")} == {"look here"},
    )
    assert on.left(SERVERS) == set()


def alerts(lab: Lab, name: str) -> list[list[str]]:
    """A server's alerts, as each pipeline's feed has them."""
    views = [lab.snapshot(offset)["producers"] for offset in (2, 3)]
    return [next(entry["alerts"] for entry in view if entry["producer"] == name) for view in views]


def test_cards_and_the_dialog_of_a_server(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    cards = page.locator("#server-grid .server")
    on.press(page.locator("#server-troubled"), lambda: cards.filter(has_text="Healthy").count() == 0)
    page.locator("#server-troubled").click()
    on.fill(page.locator("#server-filter"), "db-0")
    named = "(all) => all.length > 1 && all.every((card) => card.dataset.producer.startsWith('db-0'))"
    until(lambda: cards.evaluate_all(named), WITHIN_S)
    dialog = page.locator("#server-dialog")
    on.press(cards.first.locator("[data-field=open]"), dialog.is_visible)
    name = dialog.locator("[data-field=name]").inner_text()
    note = dialog.locator("[data-field=note]")
    until(lambda: note.inner_text() == (lab.server(name)["note"] or "none yet"), WITHIN_S)
    epoch, rejected = lab.server(name)["epoch"], amounts(lab)
    orders = {
        "stop": ((), lambda: lab.server(name)["status"] == "stopped"),
        "start": ((), lambda: lab.server(name)["status"] == "sampling"),
        "restart": ((), lambda: lab.server(name)["epoch"] > epoch),
        "spike": (("30", "90"), lambda: lab.server(name)["effects"].get("spike", 0) > 30),
        "load": (("50", "90"), lambda: lab.server(name)["effects"].get("load", 0) > 30),
        "latency": (("20", "90"), lambda: lab.server(name)["effects"].get("latency", 0) > 30),
        "invalid": (("2",), lambda: amounts(lab) == [n + 2 for n in rejected]),
    }
    for action, (asks, effect) in orders.items():
        order = dialog.locator(f"form[data-action={action}]")
        for i, text in enumerate(asks):
            on.fill(order.locator("input").nth(i), text)
        on.press(order.locator("[data-field=order]"), effect)
        shown(dialog.locator("[data-field=done]"), f"ordered for {name}")
    answers = {"/health": 200, "/metrics": 200, "/slow?ms=500": 200, "/error/503": 503, "/data/64": 200}
    for text, status in answers.items():
        link = dialog.get_by_role("link", name=text, exact=True)
        address = link.get_attribute("href")
        assert address is not None
        answer = httpx2.get(address, trust_env=False, timeout=30)
        on.key(link, "Shift+Tab", of((answer, status), lambda told: told[0].status_code == told[1]))
        assert address.endswith(f"/servers/{name}{text}")
    on.press(dialog.locator("[data-field=close]"), dialog.is_hidden)
    assert on.left(CARDS) == set()


def test_processes_and_the_load_test(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    form = page.locator("#process-form")
    form.scroll_into_view_if_needed()
    target, pid = form.locator("select"), lab.pid("worker-1")
    on.choose(target, "worker-1")
    on.press(form.get_by_role("button", name="Kill"), lambda: lab.pid("worker-1") != pid)
    on.choose(target, "fanout")
    paused = lab.os_process("fanout")
    on.press(form.get_by_role("button", name="Pause"), lambda: paused.status() == psutil.STATUS_STOPPED)
    on.press(form.get_by_role("button", name="Resume"), lambda: paused.status() != psutil.STATUS_STOPPED)
    assert {fault["by"] for fault in lab.see("/api/faults")["faults"]} == {"page"}
    load = page.locator("#load-form")
    taken = lab.total(3, "accepted")
    on.choose(page.locator("#load-arm"), "websocket")
    on.fill(page.locator("#load-rate"), "200")
    on.fill(page.locator("#load-duration"), "60")
    on.press(load.locator("[data-field=start]"), lambda: lab.see("/api/load")["sent"] > 200)
    until(lambda: lab.total(3, "accepted") > taken + 200, WITHIN_S)
    stop = load.locator("[data-field=stop]")
    on.press(stop, lambda: lab.see("/api/load")["state"] != "running")
    told = lab.see("/api/load")
    shutil.rmtree(RESULTS / told["run"])
    assert (told["arm"], told["state"]) == ("websocket", "done"), told
    assert told["sent"] == told["acked"] + told["failed"]
    assert on.left(PROCESSES) == set()


def test_faults_and_the_ledger(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    form = page.locator("#fault-form")
    form.scroll_into_view_if_needed()

    def newest() -> dict[str, object]:
        found: dict[str, object] = lab.see("/api/faults")["faults"][-1]
        return found

    def begin() -> None:
        on.choose(page.locator("#fault-kind"), "delay")
        on.choose(page.locator("#fault-target"), "fleet-b")
        on.fill(page.locator("#fault-grade"), "150")
        on.fill(page.locator("#fault-for"), "300")
        on.press(form.locator("[data-field=submit]"), lambda: newest()["state"] == "active")

    on.pick(page.locator("#fault-hidden"))
    begin()
    assert (newest()["kind"], newest()["by"]) == ("?", "page")
    row = page.locator("#faults-active li").first
    on.press(row.locator("[data-field=reveal]"), lambda: newest()["grade"] == 150)
    until(lambda: (lab.snapshot(3)["latency_ms"]["accepted"]["p50"] or 0) > 150, WITHIN_S)
    on.press(row.locator("[data-field=undo]"), lambda: newest()["state"] == "over")
    page.locator("#fault-hidden").uncheck()
    begin()
    on.press(page.locator("#faults-undo"), lambda: newest()["state"] == "over")
    for canvas in page.locator("#ledger canvas[tabindex]").all():
        pane = canvas.locator("xpath=ancestor::article")
        shown(pane.locator("[data-field=verdict]"), "the ledger holds")
        on.key(
            canvas,
            "ArrowRight",
            of(pane, lambda pane: pane.locator("[data-field=readout]").inner_text() != ""),
        )
    assert on.left(FAULTS) == set()


def test_joining(page: Page, lab: Lab) -> None:
    on = Pressing(page)
    dialog = page.locator("#join-dialog")
    on.press(page.locator("#join-open"), dialog.is_visible)
    link = dialog.locator("[data-field=link]")
    until(lambda: link.get_attribute("href"), WITHIN_S)
    on.key(
        link, "Shift", lambda: httpx2.get(str(link.get_attribute("href")), trust_env=False).status_code == 200
    )
    switch = dialog.locator("[data-field=switch]")
    on.press(switch, lambda: lab.see("/api/join")["on"] is False)
    shown(dialog.locator("[data-field=done]"), "")
    on.press(switch, lambda: lab.see("/api/join")["on"] is True)
    on.press(dialog.locator("[data-field=close]"), dialog.is_hidden)
    assert on.left(JOINING) == set()


def test_no_control_is_left_and_no_sample_was_lost(page: Page, lab: Lab) -> None:
    parts = f"{VIEW}, {KNOBS}, {SERVERS}, {CARDS}, {PROCESSES}, {FAULTS}, {JOINING}"
    page.locator("#controls").scroll_into_view_if_needed()
    until(lambda: page.locator("#knob-list input").count() > 10, WITHIN_S)
    assert Pressing(page).outside(parts) == []

    def holds() -> bool:
        told = lab.see("/api/audit")["pipelines"].values()
        return all(
            part["ok"] and not any(part["counts"].get(f"lost_{where}") for where in ("store", "memory"))
            for part in told
        )

    until(holds, WITHIN_S)
