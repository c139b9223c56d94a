"""The flash chip on the board: pages that are programmed once, blocks that are erased whole and wear out.

Bytes of a page that a newer one has taken the place of are not kept: no start of the device would read them.
"""

import errno
import random
from typing import NamedTuple

PAGE = 512
PAGES_A_BLOCK = 32


class PowerCutError(OSError):
    """The battery fell out, perhaps in the middle of a write. Whatever the program still tries, its disk is dark."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "the power is gone")


class ProgramFailedError(Exception):
    """The page did not take what was written: its block is bad from now on, and the write goes elsewhere."""


class Spare(NamedTuple):
    """What is programmed beside a page's bytes, and tells at the next start what they are.

    `life`: a name that is replaced begins another life. `staged` pages count once a `whole` page says so.
    """

    name: str
    life: int
    nth: int
    mark: str  # data, staged, whole
    serial: int = 0


class Page(NamedTuple):
    spare: Spare
    content: bytes


class Chip:
    """`cut_after`: so many bytes more are programmed, then the power goes; None is never."""

    def __init__(
        self,
        chance: random.Random,
        *,
        blocks: int = 512,
        endurance: int = 3000,
        bad_share: float = 0.01,
        program_fails: float = 0.0,
    ) -> None:
        self._chance = chance
        self._program_fails = program_fails
        self._endurance = endurance
        self._serial = 0
        self.bad = {block for block in range(blocks) if chance.random() < bad_share}  # from the factory
        self.wear = [0] * blocks
        self.used = [0] * blocks  # pages programmed since the block was erased
        self.live = [0] * blocks
        self.pages: dict[int, Page] = {}
        self.cut_after: int | None = None

    # --- what the board may do ---

    def program(self, page: int, spare: Spare, content: bytes) -> None:
        """Write a page that is erased; ProgramFailedError for one that does not take it."""
        block = page // PAGES_A_BLOCK
        self.used[block] = page % PAGES_A_BLOCK + 1
        self._serial += 1
        if self._program_fails and self._chance.random() < self._program_fails:
            self.bad.add(block)
            raise ProgramFailedError
        if self.cut_after is not None:
            if self.cut_after <= len(content):
                arrived, self.cut_after = content[: self.cut_after], None
                if arrived and spare.mark != "whole":
                    self._keep(page, spare, arrived)
                raise PowerCutError
            self.cut_after -= len(content) + 1
        self._keep(page, spare, content)

    def forget(self, page: int) -> None:
        """Something newer has taken its place. The page is free again once its block is erased."""
        if self.pages.pop(page, None) is not None:
            self.live[page // PAGES_A_BLOCK] -= 1

    def erase(self, block: int) -> None:
        """All pages of a block at once. One that has been erased too often takes no more."""
        self.used[block] = 0
        self.wear[block] += 1
        if self.wear[block] >= self._endurance * self._chance.uniform(0.8, 1.2):
            self.bad.add(block)

    def flip(self, page: int, bit: int) -> None:
        """Rot: one bit of a page turns over."""
        spare, content = self.pages[page]
        rotten = bytearray(content)
        rotten[bit // 8] ^= 1 << bit % 8
        self.pages[page] = Page(spare, bytes(rotten))

    # --- what may be asked ---

    @property
    def free_blocks(self) -> list[int]:
        """Erased and good, the least worn first."""
        free = [block for block, used in enumerate(self.used) if used == 0 and block not in self.bad]
        return sorted(free, key=lambda block: (self.wear[block], block))

    @property
    def good_pages(self) -> int:
        return (len(self.used) - len(self.bad)) * PAGES_A_BLOCK

    def dirtiest(self, besides: int | None) -> int:
        """The good block with most to gain from an erase; OSError when none has any: the chip is full."""
        gains = [
            (PAGES_A_BLOCK - self.live[block], -self.wear[block], -block)
            for block, used in enumerate(self.used)
            if used and block not in self.bad and block != besides
        ]
        gain, _, block = max(gains, default=(0, 0, 0))
        if gain == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return -block

    def _keep(self, page: int, spare: Spare, content: bytes) -> None:
        self.pages[page] = Page(spare._replace(serial=self._serial), content)
        self.live[page // PAGES_A_BLOCK] += 1
