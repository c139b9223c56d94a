"""The notifier as it is started: what is configured is a channel, and machines are told beside people."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lastscan.home import Home
from lastscan.roles import run_notify_role, webhook_endpoints
from notify.channels.sms.channel import BadSmsSettingsError
from tests.notify.far_ends import far_end
from tests.notify.test_webhooks import wait_for
from tests.tracker.world import World, at, new_database
from tracker.clock import SharedClock
from tracker.domain.booking import Party
from tracker.domain.handling import Kind


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("DATABASE_URL", "LASTSCAN_SMS_URL", "LASTSCAN_SMS_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Home.at(tmp_path / "home")


def on_the_van_to_ada(home: Home) -> str:
    world = World(new_database(home.path / "lastscan.db")).with_network()
    ada = Party("Ada Example", phone="+31 6 1234 5678", email=None)
    number = world.bookings.book(replace(world.asked(consignee=ada), notify=("sms",)), account="demo").numbers[0]
    world.scans(number, Kind.OUT_FOR_DELIVERY, "bos-st", at(27.7))
    world.fold()
    world.close()
    SharedClock(home.run / "clock").set(at(28), speed=1)
    return number


def test_a_text_to_the_person_and_a_message_to_the_machine(home: Home, tmp_path: Path, monkeypatch) -> None:
    with far_end() as phone, far_end() as machine:
        secret = tmp_path / "sms-url"
        secret.write_text(phone.url.replace("http://", "json://") + "/?:to={phone}\n")
        monkeypatch.setenv("LASTSCAN_SMS_URL_FILE", str(secret))
        monkeypatch.setenv("LASTSCAN_WEBHOOK_ALLOW", machine.url)
        number = on_the_van_to_ada(home)
        engine = home.migrated()
        webhook_endpoints(engine).add("demo", machine.url + "/hook")
        stop = threading.Event()
        role = threading.Thread(
            target=run_notify_role,
            args=(home,),
            kwargs={"smtp_url": None, "pages": "https://track.example", "stop": stop, "ready": lambda _: None},
        )
        role.start()
        try:
            wait_for(lambda: phone.heard and machine.heard, seconds=20)
        finally:
            stop.set()
            role.join(30)
        engine.dispose()
    assert not role.is_alive()
    text = json.loads(phone.heard[0].body)
    assert text["to"] == "+31612345678"
    assert number in text["message"]
    told = json.loads(machine.heard[0].body)
    assert (told["type"], told["data"]["number"]) == ("out_for_delivery", number)
    assert "Ada" not in machine.heard[0].body.decode()


def test_an_address_of_no_service_stops_the_notifier_with_its_form(home: Home, monkeypatch) -> None:
    monkeypatch.setenv("LASTSCAN_SMS_URL", "twilio://nonsense")
    with pytest.raises(BadSmsSettingsError, match=r"\{phone\}"):
        run_notify_role(home, smtp_url=None, pages="", stop=threading.Event(), ready=lambda _: None)
