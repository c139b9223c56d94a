"""A message arrives: append, commit, receipt. Knows no rule of the trade, so no rule can lose a scan.

`hearing` understands messages without the database, `take` keeps a whole batch of them in one transaction,
`contact` remembers what the last messages said of a device and its clock. `tracker.gaps` watches for what is missing.
"""

from tracker.ingest.hearing import Heard
from tracker.ingest.take import CONFIG, Ingest, Reply

__all__ = ["CONFIG", "Heard", "Ingest", "Reply"]
