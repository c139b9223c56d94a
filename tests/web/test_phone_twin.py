"""The page's half of LDP/1 is the handheld's: the same words under the same key, and the same answers to any story."""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from scanner.handheld import Effect, Handheld, Reconnect
from scanner.keyed import verdict
from scanner.load_list import Checklist, ListedPiece, LoadList
from tests.scanner_custody.world import Clock, Epochs, Flash, open_journal
from tests.tracker.world import World, new_database
from tests.web.phones import station
from tests.web.test_in_a_browser import browser as browser
from tracker import wire

pytestmark = pytest.mark.needs_chromium

KEY = bytes(range(32)).hex()
NOBODYS = "f" * 32
A_TICK = 125  # ms: a length that seconds in binary hold exactly


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    world = World(new_database(tmp_path_factory.mktemp("station") / "lastscan.db"))
    with station(world) as pages:
        page = browser.new_page()
        page.goto(f"{pages.address}/courier/")
        yield page
        page.close()
    world.close()


def test_signatures_are_those_of_the_protocols_page(page: Page) -> None:
    lines = re.findall(r"^\{.*\"mac\".*\}$", Path("docs/protocol.md").read_text(), re.MULTILINE)
    (batch,) = [line for line in lines if '"scans"' in line]
    (answer,) = [json.loads(line) for line in lines if '"ack"' in line]
    found = wire.hear_up(batch.encode())
    assert isinstance(found, wire.Scans)
    records = [record.decode() for record in wire.raw_records(found)]
    stamp = {"wall": found.sent, "mono": found.mono, "boot": found.boot}
    said = page.evaluate(SIGN, [KEY, found.ep, records, stamp, answer])
    assert wire.hear_up(said["batch"].encode()) == found
    assert said["believed"] == [True, False]


SIGN = """async ([key, ep, records, stamp, answer]) => {
  const wire = await import('/static/courier/wire.js');
  const mine = await wire.importKey(key);
  const forged = { ...answer, upto: answer.upto + 1 };
  return { batch: await wire.scans(ep, records, stamp, mine),
           believed: [await wire.isSigned(mine, answer), await wire.isSigned(mine, forged)] }; }"""


CODES = (
    *("LS123456785NL", "ls 1234 5678 5 nl", "LS123456784NL", "LS473124829NL", "0220456789", "1Z999AA10123456784"),
    *(
        "1Z999AA10123456785",
        "340123450000000018",
        "00340123450000000018",
        "LH716/2026-11-12",
        "nonsense",
        " LS714565298NL ",
    ),
    "https://example.org/t/LS123456785NL?x=1#y",
)


@pytest.mark.parametrize("seed", range(4))
def test_page_and_handheld_count_a_load_list_to_the_same_sums(page: Page, seed: int) -> None:
    rng = random.Random(seed)
    listed = rng.sample(["LS123456785NL", "LS473124829NL", "LS714565298NL", "0220456789", "1Z999AA10123456784"], 3)
    codes = rng.choices(CODES, k=8)
    pieces = tuple(ListedPiece(number, "OSL") for number in listed)
    day = datetime(2026, 11, 12, tzinfo=UTC)
    checklist = Checklist("LH716/2026-11-12", LoadList("LH716/2026-11-12", "AMS", "FRA", day, day, pieces))
    for code in codes:
        checklist.check(code)
    checklist.uncheck(codes[0])
    sums = [sorted(checklist.scanned), sorted(piece.number for piece in checklist.missing), len(checklist.surplus)]
    assert page.evaluate(COUNT, [listed, codes]) == sums


COUNT = """async ([listed, codes]) => {
  const { Checklist } = await import('/static/courier/checklist.js');
  const checklist = new Checklist('LH716/2026-11-12');
  for (const code of codes) checklist.check(code);
  checklist.renew({ departure: 'LH716/2026-11-12', pieces: listed.map((number) => ({ number, destination: 'OSL' })) });
  checklist.uncheck(codes[0]);
  const missing = checklist.missing.map((piece) => piece.number);
  return [[...checklist.scanned].sort(), missing.sort(), checklist.surplus.size]; }"""


@pytest.mark.parametrize("typed", [*CODES, "", "LS12", "0220", "LS12345678", "12345678901", "340123450000000017"])
def test_page_and_handheld_judge_a_typed_number_alike(page: Page, typed: str) -> None:
    mine = page.evaluate("(typed) => import('/static/courier/numbers.js').then((own) => own.judge(typed).look)", typed)
    theirs = verdict(typed).look.value
    if mine == "wrong":
        assert theirs in ("wrong", "unknown")
    elif mine != "unknown":  # a phone knows fewer carriers by heart
        assert mine == theirs


def a_story(seed: int) -> list[list[Any]]:
    """What may befall a device, in any order: scans, networks that come and go, receipts of old and new, restores."""
    rng = random.Random(seed)
    story: list[list[Any]] = [["connect"]]
    gen, given = 1, 0
    for _ in range(40):
        match rng.choice(["record", "record", "ack", "ack", "need", "advance", "advance", "net", "restore"]):
            case "record":
                many = rng.choice([1, 1, 2, 70])
                given += many
                story.append(["record", many])
            case "ack":
                upto = rng.choice([given, given, rng.randint(0, given + 2)])
                story.append(["ack", rng.choice([1, 1, 1, 2, 9]), upto, rng.choice([gen, gen, gen - 1])])
            case "need":
                first = rng.randint(1, max(1, given))
                ranges = [[first, first + rng.choice([0, 3, 90])], [given, given + 5]]
                story.append(["need", rng.choice([1, 1, 2]), ranges, gen])
            case "advance":
                story.append(["advance", rng.choice([1, 8, 9, 30, 80, 300, 500]) * A_TICK])
            case "net":
                story += [["disconnect"], ["record", 1], ["connect"]]
                given += 1
            case "restore":
                gen += 1
                story.append(["ack", 1, rng.randint(0, given), gen])
    return story


class Middling:
    """Chance that always falls in the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def told_by_the_handheld(story: list[list[Any]]) -> list[Any]:
    clock = Clock()
    handheld = Handheld(open_journal(Flash(), Epochs()), clock, Middling())
    now, told = 0, []
    for step in story:
        match step:
            case ["connect"]:
                effects = handheld.connected(now / 1000)
            case ["disconnect"]:
                effects = handheld.disconnected(now / 1000)
            case ["record", many]:
                effects = []
                for n in range(many):
                    handheld.record(f"CODE-{n}", "code128", "sort", now=now / 1000)
                    effects += handheld.tick(now / 1000)
            case ["ack", no, upto, gen]:
                effects = handheld.heard(wire.encode(wire.Ack(ep=f"{no:032x}", upto=upto, gen=gen)), now / 1000)
            case ["need", no, ranges, gen]:
                said = wire.Need(ep=f"{no:032x}", ranges=[(a, b) for a, b in ranges], gen=gen)
                effects = handheld.heard(wire.encode(said), now / 1000)
            case ["advance", ms]:
                now += ms
                clock.passes(ms)
                effects = handheld.tick(now / 1000)
        told.append([[_plain(effect) for effect in effects], handheld.waiting_count])
    return told


def _plain(effect: Effect) -> list[Any]:
    if isinstance(effect, Reconnect):
        return ["reconnect"]
    match wire.hear_up(effect):
        case wire.Hello(ep=ep, first=first, last=last):
            return ["hello", int(ep, 16), first, last]
        case wire.Status(ep=ep, last=last, acked=acked, depth=depth):
            return ["status", int(ep, 16), last, acked, depth]
        case wire.Scans() as scans:
            return ["scans", int(scans.ep, 16), [wire.hear_record(raw).q for raw in wire.raw_records(scans)]]


@pytest.mark.parametrize("seed", range(12))
def test_page_and_handheld_tell_the_same_story_the_same_way(page: Page, seed: int) -> None:
    story = a_story(seed)
    by_page, by_handheld = page.evaluate(PLAY, [f"twin-{seed}", story]), told_by_the_handheld(story)
    for step, mine, other in zip(story, by_page, by_handheld, strict=True):
        assert mine == other, step


PLAY = """async ([name, story]) => {
  const { Journal } = await import('/static/courier/journal.js');
  const { Handheld, RECONNECT } = await import('/static/courier/handheld.js');
  const chance = Math.random;
  Math.random = () => 0.5;
  const stamp = { wall: 1790000000000, mono: 0, boot: 1 };
  const journal = await Journal.open(name);
  const handheld = new Handheld(journal, { stamp: () => ({ ...stamp }) });
  const no = (ep) => journal._epochs.find((epoch) => epoch.ep === ep)?.no;
  const ep = (wanted) => journal._epochs.find((epoch) => epoch.no === wanted)?.ep ?? 'f'.repeat(32);
  const plain = (effect) => {
    if (effect === RECONNECT) return ['reconnect'];
    if (typeof effect !== 'string') return ['scans', no(effect.ep), effect.records.map((raw) => JSON.parse(raw).q)];
    const said = JSON.parse(effect);
    return said.t === 'hello' ? ['hello', no(said.ep), said.first, said.last]
      : ['status', no(said.ep), said.last, said.acked, said.depth];
  };
  let now = 0;
  const told = [];
  journal.current;
  for (const [what, ...rest] of story) {
    let effects = [];
    if (what === 'connect') effects = handheld.connected(now);
    if (what === 'disconnect') handheld.disconnected();
    if (what === 'record') for (let n = 0; n < rest[0]; n++) {
      await journal.append({ code: `CODE-${n}`, sym: 'code128', k: 'sort', ...stamp });
      effects.push(...handheld.tick(now));
    }
    if (what === 'ack') effects = handheld.heard({ t: 'ack', ep: ep(rest[0]), upto: rest[1], gen: rest[2] }, now);
    if (what === 'need') effects = handheld.heard({ t: 'need', ep: ep(rest[0]), ranges: rest[1], gen: rest[2] }, now);
    if (what === 'advance') {
      now += rest[0];
      stamp.wall += rest[0];
      stamp.mono += rest[0];
      effects = handheld.tick(now);
    }
    told.push([effects.map(plain), handheld.waiting]);
  }
  Math.random = chance;
  return told;
}"""
