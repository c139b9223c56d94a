"""The law of quiet hours at every minute of the day around every change of every clock: half a minute's work.

python -m tests.notify.wishes.every_minute
"""

import sys
from datetime import timedelta
from time import process_time
from zoneinfo import ZoneInfo

from notify.wishes.hours import SPREAD, Hours
from tests.notify.wishes.law import broken_at, broken_digests
from tests.notify.wishes.zones import zones_that_differ


def main() -> int:
    began, minutes, wrong = process_time(), 0, []
    for name, jumps in zones_that_differ().items():
        hours = Hours(ZoneInfo(name))
        for jump in jumps:
            wrong += broken_digests(hours, jump, SPREAD)
            for minute in range(-12 * 60, 12 * 60):
                wrong += broken_at(hours, jump + timedelta(minutes=minute), SPREAD)
                minutes += 1
    said = f"{len(zones_that_differ())} zones, {minutes} minutes, {len(wrong)} broken"
    sys.stdout.write("\n".join([f"{said}, {process_time() - began:.0f} s of CPU", *wrong[:20], ""]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
