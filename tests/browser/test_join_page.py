"""A phone as a server: a real Chromium at a phone's size, a real lab that listens beyond loopback, real pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from websockets.sync.client import connect

from control_plane.join.address import qr_code
from lab_runtime.tokens import JOIN_KIND
from metrics_core.wire import encode_batch
from tests.browser.conftest import OpenPage
from tests.lab_process import LabProcess, until
from tests.support.samples import a_run

TOKEN = "correct-horse-battery-staple"
PHONE = {"width": 390, "height": 844, "has_touch": True}
SLOW_MS = 60_000
"""Against hanging only."""


class Lab(LabProcess):
    """A lab that asks for a token, and what it answers."""

    def ask(self, path: str, port: int = 0, body: Any = None) -> Any:
        """JSON of a request with the lab's token; `port` is an offset."""
        url = f"http://127.0.0.1:{self.port_base + port}{path}"
        named = {"authorization": f"Bearer {TOKEN}"}
        method = "GET" if body is None else "POST"
        answer = httpx2.request(method, url, json=body, headers=named, timeout=20, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()

    def held(self, producer: str) -> tuple[int, int]:
        """Samples of a producer that A and B have processed: counted where they begin at 0 without a gap."""

        def of(port: int) -> int:
            epochs = self.ask("/v1/ledger", port)["producers"].get(producer, {})
            assert all(len(parts) == 1 and parts[0][0] == 0 for parts in epochs.values()), epochs
            return sum(parts[0][1] + 1 for parts in epochs.values())

        return of(1), of(3)

    def guests(self) -> dict[str, dict[str, int]]:
        """Samples of phones by fate, by pipeline; fates without any are left out."""
        told = self.ask("/api/audit/counts")["guests"]
        return {name: {fate: n for fate, n in of["counts"].items() if n} for name, of in told.items()}

    def link(self) -> str:
        """The link of the code, by an address that this machine has for sure."""
        url = self.ask("/api/join")["url"]
        return re.sub(r"//[^/]*/", f"//127.0.0.1:{self.port_base}/", url)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    state = tmp_path_factory.mktemp("phones") / "state"
    process = Lab(
        state, LAB_TOKEN=TOKEN, LAB_HOST="0.0.0.0", LAB_JOIN_MOST="2", LAB_SERVERS="3", LAB_RATE="1"
    )
    process.up()
    yield process
    process.close()


@pytest.fixture(autouse=True)
def all_away(lab: Lab) -> None:
    """Every test begins with all places free."""
    for on in (False, True):
        lab.ask("/api/join/switch", body={"on": on})


@pytest.fixture
def board(lab: Lab, open_page: OpenPage) -> Page:
    return open_page(f"http://127.0.0.1:{lab.port_base}/#token={TOKEN}", prepare=patient)


@pytest.fixture
def open_phone(lab: Lab, open_page: OpenPage) -> OpenPage:
    """Opens the link of the code on another phone."""
    return lambda **options: open_page(lab.link(), prepare=patient, **PHONE, **options)


def patient(page: Page) -> None:
    page.set_default_timeout(SLOW_MS)


def join(page: Page, name: str) -> None:
    page.get_by_label("Your name on the board").fill(name)
    page.get_by_role("button", name="Join", exact=True).click()


def figure(page: Page, name: str) -> int:
    """A figure of the phone's page; -1 where there is none yet."""
    text = page.locator(f"[data-field={name}]").inner_text()
    return int(text.replace(",", "")) if text else -1


def made(page: Page) -> int:
    return int(page.locator("[data-field=made]").inner_text().partition(" ")[0].replace(",", ""))


def violations(page: Page) -> list[str]:
    """What axe finds wrong."""
    return [found["id"] for found in Axe().run(page).response["violations"]]


def leave(page: Page) -> int:
    """Leave; gives how many samples the phone made."""
    page.get_by_role("button", name="Leave").click()
    expect(page.locator("form")).to_contain_text("You have left.")
    return made(page)


def test_the_dashboard_shows_the_code_of_the_link(board: Page, lab: Lab) -> None:
    board.keyboard.press("j")
    dialog = board.get_by_role("dialog", name="Phones as servers")
    code = dialog.get_by_role("img")
    expect(code).to_be_visible()
    url = dialog.get_by_role("link").get_attribute("href")
    assert url
    assert re.fullmatch(rf"http://[\d.]+:{lab.port_base}/join#token={JOIN_KIND}\.\d+\.[\w-]+", url)
    assert "//127." not in url
    expect(code).to_have_attribute("src", re.compile("^data:"))
    drawn = code.get_attribute("src") or ""
    assert unquote(drawn.removeprefix("data:image/svg+xml,")).encode() == qr_code(url)
    assert code.evaluate("image => image.complete && image.naturalWidth > 0")
    assert TOKEN not in url


def test_a_phone_is_a_server_in_both_pipelines_and_on_the_board(
    lab: Lab, board: Page, open_phone: OpenPage
) -> None:
    phone = open_phone()
    assert "token" not in phone.url
    join(phone, "Zoë B.")
    expect(phone.locator("#join-producer")).to_have_text("phone-Zoe-B.")
    until(lambda: min(figure(phone, "acked-0"), figure(phone, "acked-1")) >= 6)
    for side in range(2):
        expect(phone.locator(f"[data-field=state-{side}]")).to_have_text("connected")
        expect(phone.locator(f"[data-field=last-{side}]")).to_have_text(re.compile(r"^[\d,.]+ (µs|ms|s)$"))
    card = board.locator(".server[data-producer='phone-Zoe-B.']")
    expect(card).to_contain_text("Healthy", timeout=SLOW_MS)
    expect(card).to_have_attribute("data-phone", "true")
    expect(board.locator(".server[data-phone=true]")).to_have_count(1)
    phone.get_by_label("CPU").fill("97")
    expect(card).to_have_attribute("data-alert", "critical", timeout=SLOW_MS)
    last = leave(phone)
    assert last >= 6
    until(lambda: lab.held("phone-Zoe-B.") == (last, last))
    until(lambda: all(of.get("processed") == last and len(of) == 1 for of in lab.guests().values()))
    assert lab.ask("/api/join")["joined"] == 0
    expect(card).to_contain_text("Silent", timeout=SLOW_MS)


def test_a_tap_makes_it_busy(lab: Lab, open_phone: OpenPage) -> None:
    phone = open_phone()
    join(phone, "tapper")
    phone.get_by_label("CPU").fill("0")
    phone.get_by_label("Samples/s").fill("10")

    def cpu() -> float:
        producers = lab.ask("/v1/windows", 3)["producers"]
        return float(producers.get("phone-tapper", {"last": {"cpu_percent": -1}})["last"]["cpu_percent"])

    until(lambda: 0 <= cpu() < 10)

    def tapped() -> bool:
        for _ in range(3):
            phone.get_by_role("button", name="Work!").click()
        return cpu() > 40

    until(tapped)
    leave(phone)


def test_a_lost_connection_is_caught_up_without_a_gap_or_a_repeat(lab: Lab, open_phone: OpenPage) -> None:
    phone = open_phone()
    join(phone, "traveller")
    until(lambda: min(figure(phone, "acked-0"), figure(phone, "acked-1")) >= 2)
    phone.context.set_offline(True)
    lab.ask("/api/processes/websocket/kill", body={})  # so the open WebSocket is cut, too; offline spares it
    before = made(phone)
    until(lambda: figure(phone, "waiting-0") >= 4 and figure(phone, "waiting-1") >= 4)
    expect(phone.locator("[data-field=state]")).to_have_text("Catching up")
    phone.context.set_offline(False)
    until(
        lambda: max(figure(phone, "waiting-0"), figure(phone, "waiting-1")) <= 1 and made(phone) > before + 4
    )
    expect(phone.locator("[data-field=state]")).to_have_text("Sending")
    last = leave(phone)
    until(lambda: lab.held("phone-traveller") == (last, last))
    assert figure(phone, "dropped-0") == figure(phone, "dropped-1") == 0


def test_the_table_forgets_with_its_process_and_phones_come_back(lab: Lab, open_phone: OpenPage) -> None:
    phone = open_phone()
    join(phone, "stayer")
    until(lambda: figure(phone, "acked-0") >= 2)
    lab.kill("dashboard")

    def back() -> bool:
        try:
            return bool(lab.ask("/api/join")["joined"] == 1)
        except httpx2.HTTPError:
            return False

    until(back)
    last = leave(phone)
    until(lambda: lab.held("phone-stayer") == (last, last))
    epochs = lab.ask("/v1/ledger", 1)["producers"]["phone-stayer"]
    assert len(epochs) == 1  # the same samples' numbers go on


def test_places_names_and_the_switch(lab: Lab, board: Page, open_phone: OpenPage) -> None:
    first, second, third = (open_phone() for _ in range(3))
    join(first, "one")
    expect(first.locator("#join-producer")).to_have_text("phone-one")
    join(second, "ONE")
    expect(second.get_by_role("alert")).to_contain_text("the name ONE is in use; choose another one")
    join(second, "two")
    expect(second.locator("#join-producer")).to_have_text("phone-two")
    join(third, "three")
    expect(third.get_by_role("alert")).to_contain_text("2 phones have joined, and no more may")
    first.reload()  # the same phone again, with its name and its place
    expect(first.get_by_label("Your name on the board")).to_have_value("one")
    join(first, "one")
    expect(first.locator("#join-producer")).to_have_text("phone-one")
    until(lambda: min(figure(first, "acked-0"), figure(second, "acked-0")) >= 1)
    board.get_by_role("button", name="Phones as servers").click()
    dialog = board.get_by_role("dialog", name="Phones as servers")
    expect(dialog).to_contain_text("2 of 2 phones have joined.")
    dialog.get_by_role("button", name="Switch off, and send all away").click()
    expect(dialog).to_contain_text("Joining is switched off.")
    for phone in (first, second):
        expect(phone.locator("form")).to_contain_text("joining was switched off", timeout=SLOW_MS)
    expect(dialog.get_by_role("img")).to_be_hidden()
    held = lab.held("phone-one"), lab.held("phone-two")
    join(third, "three")
    expect(third.get_by_role("alert")).to_contain_text("joining is switched off; ask who runs the lab")
    dialog.get_by_role("button", name="Let phones join").click()
    expect(dialog).to_contain_text("0 of 2 phones have joined.")
    assert (lab.held("phone-one"), lab.held("phone-two")) == held  # nobody sent meanwhile
    kinds = [(event["kind"], event["process"]) for event in lab.ask("/api/events")["events"]]
    assert ("phone", "phone-one") in kinds
    assert ("control", "lab") in kinds


def test_whoever_sends_faster_than_a_phone_may_is_refused_by_both(lab: Lab) -> None:
    joined = lab.ask("/api/join", body={"name": "flood"})
    named = {"authorization": f"Bearer {joined['token']}", "content-type": "application/json"}
    one, epoch = joined["producer"], joined["epoch"]
    bodies = [encode_batch(a_run(one, epoch, range(low, low + 100), sampled_at_us=epoch)) for low in (0, 100)]
    answers = [
        httpx2.post(joined["ingest"]["http_redis"], content=body, headers=named, trust_env=False)
        for body in bodies
    ]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[1].json()["detail"] == "phone-flood may send 20 samples/s"
    assert 1 <= int(answers[1].headers["retry-after"]) <= 5
    where = f"{joined['ingest']['websocket']}?token={joined['token']}"
    with connect(where, proxy=None) as producer:
        for body in bodies:
            producer.send(body, text=True)
        said = [json.loads(producer.recv(timeout=20)) for _ in range(2)]
    refused = next(each for each in said if each["type"] == "reject")
    assert (refused["frame"], refused["error"]) == (1, "rate_limited")
    until(lambda: lab.held(one) == (100, 100))
    account = {"producer": one, "epoch": epoch, "made": 100}
    url = f"http://127.0.0.1:{lab.port_base}/api/join/leave"
    assert httpx2.post(
        url, json=account, headers=named | {"lab-phone": joined["key"]}, trust_env=False
    ).is_success


def test_the_fleets_account_balances_with_phones_beside_it(lab: Lab) -> None:
    until(lambda: lab.run("ledger").returncode == 0)
    told = lab.ask("/api/audit")
    assert all(of["ok"] for of in told["pipelines"].values())
    assert not any(name.startswith("phone-") for of in told["pipelines"].values() for name in of["producers"])
    assert "lost_store" not in lab.guests()["http_redis"]


def test_the_phones_page_has_no_violation_and_fits(lab: Lab, open_phone: OpenPage) -> None:
    for scheme in ("light", "dark"):
        phone = open_phone(color_scheme=scheme)
        assert violations(phone) == []
        join(phone, f"looks-{scheme}")
        expect(phone.locator("[data-field=state]")).to_have_text("Sending")
        assert violations(phone) == []
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
        leave(phone)
