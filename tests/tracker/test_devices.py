"""Who may speak."""

import pytest

from tests.tracker.world import World, at
from tracker.devices import Roll
from tracker.domain.credentials import verify_password
from tracker.domain.errors import BadNameError, DeviceExistsError, UnknownDeviceError


def test_a_device_gets_a_key_and_a_password_once_and_its_site_becomes_a_facility(world: World) -> None:
    drawn = world.registry.add("h-1", site="lej")
    (row,) = world.registry.list()
    assert (row.dev, row.site, row.mac_key) == ("h-1", "lej", bytes.fromhex(drawn.key))
    assert verify_password(drawn.password, row.password_hash)
    assert drawn.password not in row.password_hash
    with world.store.reading() as tx:
        assert tx.network.facilities()["LEJ"].zone == "UTC"


def test_a_device_known_already_is_not_registered_again_by_mistake(world: World) -> None:
    drawn = world.registry.add("h-1", site="lej")
    with pytest.raises(DeviceExistsError, match="--move"):
        world.registry.add("h-1", site="fra")
    assert world.registry.list()[0].mac_key == bytes.fromhex(drawn.key)


def test_a_device_can_be_moved_even_twice_while_the_business_clock_stands(world: World) -> None:
    for site in ("lej", "fra", "ams"):
        drawn = world.registry.add("h-1", site=site, move=True)
    (row,) = world.registry.list()
    assert (row.site, row.mac_key) == ("ams", bytes.fromhex(drawn.key))
    assert row.site_at(at(-1)) == row.site_at(at(1)) == "ams"


@pytest.mark.parametrize("name", ["", "H-1", "-h", "h/1", "h+", "#", "h" * 33, "h\n", "tracker", "tracker-2", "ä"])
def test_a_name_that_would_not_fit_a_topic_or_is_ours_is_refused(world: World, name: str) -> None:
    with pytest.raises(BadNameError):
        world.registry.add(name, site="lej")
    assert world.registry.list() == []


def test_only_a_known_device_can_be_revoked_and_moving_it_lets_it_speak_again(world: World) -> None:
    with pytest.raises(UnknownDeviceError, match="device list"):
        world.registry.revoke("h-1")
    world.registry.add("h-1", site="lej")
    world.registry.revoke("h-1")
    assert world.registry.list()[0].revoked_at is not None
    world.registry.add("h-1", site="lej", move=True)
    assert world.registry.list()[0].revoked_at is None


def test_the_roll_finds_a_new_device_at_once_and_a_revocation_within_seconds(world: World) -> None:
    now = [0.0]
    roll = Roll(world.store, lambda: now[0])
    assert roll.find("h-1") is None
    world.registry.add("h-1", site="lej")
    assert roll.find("h-1") is not None
    world.registry.revoke("h-1")
    now[0] += 2.1
    found = roll.find("h-1")
    assert found is not None
    assert found.revoked_at is not None
