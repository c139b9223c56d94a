"""A handheld's flash, in memory: a `scanner.disk.Disk` that tears, lies, wears out and fills up, all from a seed.

What was flushed survives every power cut. What was not may be there in part, up to any byte, or not at all. Each flush
programs fresh pages, since a page is programmed only once; blocks full of old ones are collected, erased, and wear.
"""

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from firmware_sim.chip import PAGE, PAGES_A_BLOCK, Chip, PowerCutError, ProgramFailedError, Spare

__all__ = ["Flash", "PowerCutError"]

RESERVE = 2  # blocks kept free to collect into, should one of them go bad


@dataclass(slots=True)
class _File:
    """A file as the running device knows it: `content` is its cache, `dirty` the pages not programmed yet."""

    life: int
    content: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    pages: dict[int, int] = field(default_factory=dict)  # index in the file: page of the chip
    whole: int | None = None  # the page that says that this life counts


class Flash:
    """Files on a chip. `fails` names calls whose next use fails; `flush_fails` is a chance for each flush."""

    def __init__(self, chance: random.Random, *, chip: Chip | None = None, flush_fails: float = 0.0) -> None:
        self.chip = chip or Chip(chance)
        self.fails: set[str] = set()
        self.flush_fails = flush_fails
        self._chance = chance
        self._files: dict[str, _File] = {}
        self._lives = 0
        self._writing: int | None = None  # the block that takes the next page
        self._on = True

    # --- the power ---

    @property
    def is_on(self) -> bool:
        return self._on

    def power_cut(self) -> None:
        """The battery is out. Of what was not flushed, a beginning may have been on its way to the chip."""
        if not self._on:
            return
        self.chip.cut_after = None
        for name, file in self._files.items():
            if file.dirty and self._chance.random() < 0.5:
                self.chip.cut_after = self._chance.randrange(len(file.dirty) * (PAGE + 1))
                try:
                    self._program_dirty(name, file)
                except OSError:
                    break
        self.chip.cut_after = None
        self._go_dark()

    def power_on(self) -> None:
        """Find the files again by what is on the chip."""
        if self._on:
            return
        self._on = True
        self._files = {}
        pages = sorted(self.chip.pages.items(), key=lambda item: item[1].spare.serial)
        whole = {(page.spare.name, page.spare.life): number for number, page in pages if page.spare.mark == "whole"}
        newest: dict[str, int] = {}
        for name, life in whole:
            newest[name] = max(life, newest.get(name, 0))
        for number, page in pages:
            name, life, nth, mark, _ = page.spare
            if life < newest.get(name, 0) or (mark != "data" and (name, life) not in whole):
                self.chip.forget(number)  # replaced, or a replacement that never came to its end
            elif mark != "whole":
                self._find(name, life, nth, number)
        for (name, life), number in whole.items():
            if life == newest[name]:
                self._files.setdefault(name, _File(life)).whole = number
        for file in self._files.values():
            self._assemble(file)

    def cut_power_after(self, programmed: int) -> None:
        """PowerCutError out of whatever call programs the byte after so many, and the device is off."""
        self.chip.cut_after = programmed

    # --- a Disk ---

    def names(self) -> list[str]:
        self._must_be_on()
        return list(self._files)

    def read(self, name: str) -> bytes:
        self._may_fail("read")
        try:
            return bytes(self._files[name].content)
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name) from None

    def append(self, name: str, content: bytes) -> None:
        self._must_be_on()
        file = self._files.get(name) or self._new()
        taken = len(content)
        cause: OSError | None = None
        if self._strikes("append"):
            taken, cause = self._chance.randint(0, len(content)), _broken()
        elif self._is_full(len(content)):
            taken, cause = 0, OSError(errno.ENOSPC, "No space left on device")
        self._files[name] = file
        begin = len(file.content)
        file.content += content[:taken]
        file.dirty.update(range(begin // PAGE, -(-len(file.content) // PAGE)))
        if cause is not None:
            raise cause

    def flush(self, name: str) -> None:
        self._must_be_on()
        file = self._files.setdefault(name, self._new())
        if self._strikes("flush") or (self.flush_fails and self._chance.random() < self.flush_fails):
            # As on Linux: some of it arrived, the rest counts as written from now on, and is not.
            arrived = sorted(file.dirty)[: self._chance.randint(0, len(file.dirty))]
            with self._dark_after_a_cut():
                self._program_some(name, file, arrived)
            file.dirty.clear()
            raise _broken()
        if not file.content and not file.pages and file.whole is None:
            file.dirty.add(0)  # an empty file has a name to keep
        with self._dark_after_a_cut():
            self._program_dirty(name, file)

    def replace(self, name: str, content: bytes) -> None:
        self._must_be_on()
        fails = self._strikes("replace")
        if fails and self._chance.random() < 0.5:
            raise _broken()
        fresh = self._new()
        fresh.content += content
        before = self._files.get(name)
        with self._dark_after_a_cut():
            self._stage(name, fresh, before)
        if before is not None:
            self._forget(before)
        self._files[name] = fresh
        if fails:
            raise _broken()

    def remove(self, name: str) -> None:
        self._must_be_on()
        fails = self._strikes("remove")
        if fails and self._chance.random() < 0.5:
            raise _broken()
        file = self._files.get(name)
        if file is not None:
            with self._dark_after_a_cut():
                number = self._program(Spare(name, file.life, 0, "whole"), b"")  # its tombstone
            self.chip.forget(number)
            self._forget(file)
            del self._files[name]
        if fails:
            raise _broken()

    def close(self) -> None:
        """Nothing to give back: a chip is soldered to one device."""

    # --- what may be asked ---

    @property
    def wear(self) -> tuple[int, int]:
        """The fewest and the most erases of a good block."""
        good = [wear for block, wear in enumerate(self.chip.wear) if block not in self.chip.bad]
        return min(good, default=0), max(good, default=0)

    @property
    def fullness(self) -> float:
        """0 to 1: pages that hold something still wanted."""
        return min(1.0, len(self.chip.pages) / max(1, self.chip.good_pages - RESERVE * PAGES_A_BLOCK))

    def flip(self, name: str, bit: int) -> None:
        """Rot in a file, which a start after a power cut will meet."""
        file = self._files[name]
        page, within = divmod(bit, PAGE * 8)
        self.chip.flip(file.pages[page], within)
        file.content[bit // 8] ^= 1 << bit % 8

    # --- programming ---

    def _program_dirty(self, name: str, file: _File) -> None:
        self._program_some(name, file, sorted(file.dirty))
        file.dirty.clear()

    def _program_some(self, name: str, file: _File, indexes: list[int]) -> None:
        mark = "data" if file.whole is None else "staged"
        for index in indexes:
            content = bytes(file.content[index * PAGE : (index + 1) * PAGE])
            number = self._program(Spare(name, file.life, index, mark), content)
            if index in file.pages:
                self.chip.forget(file.pages[index])
            file.pages[index] = number

    def _stage(self, name: str, fresh: _File, before: _File | None) -> None:
        """All pages of the new content, then the one that makes them count."""
        self._files["\0" + name] = fresh  # so that a collection in between finds its pages
        try:
            for index in range(-(-len(fresh.content) // PAGE)):
                content = bytes(fresh.content[index * PAGE : (index + 1) * PAGE])
                fresh.pages[index] = self._program(Spare(name, fresh.life, index, "staged"), content)
            fresh.whole = self._program(Spare(name, fresh.life, 0, "whole"), b"")
        except OSError:
            self._forget(fresh)
            raise
        finally:
            del self._files["\0" + name]

    def _program(self, spare: Spare, content: bytes) -> int:
        while True:
            number = self._next_page()
            try:
                self.chip.program(number, spare, content)
            except ProgramFailedError:
                self._writing = None
                continue
            return number

    def _next_page(self) -> int:
        for _ in range(2 * len(self.chip.used)):
            block = self._writing
            if block is not None and block not in self.chip.bad and self.chip.used[block] < PAGES_A_BLOCK:
                return block * PAGES_A_BLOCK + self.chip.used[block]
            free = self.chip.free_blocks
            if len(free) > RESERVE:
                self._writing = free[0]
            elif free:
                self._collect(into=free[0])
            elif self.chip.live[victim := self.chip.dirtiest(besides=None)] == 0:
                self.chip.erase(victim)
            else:
                break
        raise OSError(errno.ENOSPC, "No space left on device")

    def _collect(self, into: int) -> None:
        """Move what is still wanted out of the block with most to gain, into the one kept in reserve, and erase it."""
        victim = self.chip.dirtiest(besides=into)
        begin = victim * PAGES_A_BLOCK
        for number in [n for n in range(begin, begin + PAGES_A_BLOCK) if n in self.chip.pages]:
            spare, content = self.chip.pages[number]
            moved = into * PAGES_A_BLOCK + self.chip.used[into]
            try:
                self.chip.program(moved, spare, content)
            except ProgramFailedError:
                return  # what has moved has moved; another block takes the rest
            self._relocate(spare, number, moved)
            self.chip.forget(number)
        self.chip.erase(victim)
        self._writing = into

    def _relocate(self, spare: Spare, number: int, moved: int) -> None:
        for name in (spare.name, "\0" + spare.name):
            file = self._files.get(name)
            if file is None or file.life != spare.life:
                continue
            if spare.mark == "whole":
                file.whole = moved
            elif file.pages.get(spare.nth) == number:
                file.pages[spare.nth] = moved

    # --- finding files again ---

    def _find(self, name: str, life: int, index: int, number: int) -> None:
        """Pages of a file come in the order they were programmed; one shorter than an older one was torn."""
        file = self._files.setdefault(name, _File(life))
        older = file.pages.get(index)
        if older is not None:
            torn = len(self.chip.pages[number].content) < len(self.chip.pages[older].content)
            loser = number if torn else older
            self.chip.forget(loser)
            if loser == number:
                return
        file.pages[index] = number

    def _assemble(self, file: _File) -> None:
        """The content, with erased bytes where a page is missing in between."""
        for index in sorted(file.pages):
            file.content.extend(b"\xff" * (index * PAGE - len(file.content)))
            file.content += self.chip.pages[file.pages[index]].content

    # --- inside ---

    def _new(self) -> _File:
        self._lives += 1
        return _File(self._lives)

    def _forget(self, file: _File) -> None:
        for number in file.pages.values():
            self.chip.forget(number)
        if file.whole is not None:
            self.chip.forget(file.whole)

    def _is_full(self, more: int) -> bool:
        dirty = sum(len(file.dirty) for file in self._files.values())
        wanted = len(self.chip.pages) + dirty + more // PAGE + 1
        return wanted > self.chip.good_pages - (RESERVE + 1) * PAGES_A_BLOCK

    def _strikes(self, call: str) -> bool:
        struck = call in self.fails
        self.fails.discard(call)
        return struck

    def _may_fail(self, call: str) -> None:
        self._must_be_on()
        if self._strikes(call):
            raise _broken()

    def _must_be_on(self) -> None:
        if not self._on:
            raise OSError(errno.EIO, "the device is off")

    @contextmanager
    def _dark_after_a_cut(self) -> Iterator[None]:
        try:
            yield
        except PowerCutError:
            self._go_dark()
            raise

    def _go_dark(self) -> None:
        self._files = {}
        self._writing = None
        self._on = False


def _broken() -> OSError:
    return OSError(errno.EIO, "Input/output error")
