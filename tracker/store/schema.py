"""The tables the tracker owns. `migrations/` makes them; a test holds the two together."""

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from tracker.store.engine import Exact, Instant

metadata = MetaData()

Id = BigInteger().with_variant(Integer(), "sqlite")
"""An integer key in creation order; SQLite makes only INTEGER keys its row ids."""

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# The log: append only. Everything below "derived" can be thrown away and folded again from it.

streams = Table(
    "streams",
    metadata,
    Column("id", Id, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("epoch", Text, nullable=False, server_default=""),
    Column("upto", BigInteger, nullable=False, server_default="0"),
    Column("highest", BigInteger, nullable=False, server_default="0"),
    Column("claimed", BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("origin", "epoch"),
)

facts = Table(
    "facts",
    metadata,
    Column("pos", Id, primary_key=True),
    Column("stream", ForeignKey("streams.id"), nullable=False),
    Column("q", BigInteger),
    Column("key", Text),
    Column("kind", Exact, nullable=False),
    Column("code", Exact, nullable=False),
    Column("sym", Exact),
    Column("facility", Text, nullable=False),
    Column("sort_point", Exact),
    Column("into", Exact),
    Column("reason", Exact),
    Column("void_epoch", Text),
    Column("void_q", BigInteger),
    Column("operator", Exact),
    Column("happened_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("estimated", Boolean, nullable=False, server_default=sa.false()),
    Column("error_ms", BigInteger, nullable=False, server_default="0"),
    Column("wall", BigInteger),
    Column("mono", BigInteger),
    Column("boot", BigInteger),
    Column("digest", LargeBinary),
    Column("body", Text),
)
Index(
    "facts_scan",
    facts.c.stream,
    facts.c.q,
    unique=True,
    sqlite_where=facts.c.q.isnot(None),
    postgresql_where=facts.c.q.isnot(None),
)
Index(
    "facts_key",
    facts.c.stream,
    facts.c.key,
    unique=True,
    sqlite_where=facts.c.key.isnot(None),
    postgresql_where=facts.c.key.isnot(None),
)

fact_details = Table(
    "fact_details",
    metadata,
    Column("pos", ForeignKey("facts.pos"), primary_key=True),
    Column("x", Text),
    Column("lat", Float),
    Column("lon", Float),
)

handover_files = Table(
    "handover_files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("dev", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
)

refused = Table(
    "refused",
    metadata,
    Column("stream", ForeignKey("streams.id"), primary_key=True),
    Column("q", BigInteger, primary_key=True),
)

gap_incidents = Table(
    "gap_incidents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("stream", ForeignKey("streams.id"), nullable=False, index=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("operator", Exact),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("reason", Text),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("heard_at", Instant, nullable=False),
    Column("times", Integer, nullable=False, server_default="1"),
)

devices = Table(
    "devices",
    metadata,
    Column("dev", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("mac_key", Text),
    Column("registered_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("heard_at", Instant),
    Column("wall_error_ms", BigInteger),
    Column("depth", Integer),
    Column("battery", Float),
    Column("firmware", Exact),
)

device_sites = Table(
    "device_sites",
    metadata,
    Column("dev", ForeignKey("devices.dev"), primary_key=True),
    Column("valid_from", Instant, primary_key=True),
    Column("site", Text, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("dev", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("token_digest", Text, nullable=False, unique=True),
    Column("expires_at", Instant, nullable=False),
)

boot_clocks = Table(
    "boot_clocks",
    metadata,
    Column("dev", Text, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("clock", Text, nullable=False),
)

# The network and what is booked on it.

facilities = Table(
    "facilities",
    metadata,
    Column("code", Text, primary_key=True),
    Column("described", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
)

closures = Table(
    "closures",
    metadata,
    Column("pos", ForeignKey("facts.pos"), primary_key=True),
    Column("facility", Text, nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("since", Instant),
    Column("until", Instant),
    Column("reason", Text, nullable=False),
)
"""What was decided about places, as the log has it: closed from one instant to another, or open again (both null)."""

departures = Table(
    "departures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("departs_at", Instant, nullable=False),
    Column("arrives_at", Instant, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("cutoff_min", Integer, nullable=False),
    Column("origin_terminal", Text),
    Column("destination_terminal", Text),
    Column("services", Text, nullable=False, server_default=""),
    Column("planned_tail", Text),
    Column("tail", Text),
    Column("estimated_departure", Instant),
    Column("estimated_arrival", Instant),
    Column("left_at", Instant),
    Column("landed_at", Instant),
    Column("cancelled", Boolean, nullable=False, server_default=sa.false()),
    Column("diverted_to", Text),
    Column("disrupted_at", Instant),
    Column("told_arrival", Instant),
    Column("leaves_at", Instant, nullable=False, index=True),
    Column("version", BigInteger, nullable=False, index=True),
)

departure_aliases = Table(
    "departure_aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("departure", ForeignKey("departures.name"), nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pseudonym", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text, index=True),
    Column("phone", Text),
    Column("language", Text, nullable=False),
    Column("zone", Text),
    Column("address", Text),
)

caller_keys = Table(
    "caller_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("person", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Index("caller_keys_of", "person"),
    sqlite_with_rowid=False,
)
"""What somebody who calls may say of themselves, in one spelling (`tracker/store/callers.py`). Personal."""

shipments = Table(
    "shipments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Text, nullable=False),
    Column("reference", Text, index=True),
    Column("service", Text, nullable=False),
    Column("shipper", ForeignKey("people.id"), nullable=False, index=True),
    Column("consignee", ForeignKey("people.id"), nullable=False, index=True),
    Column("channels", Text, nullable=False),
    Column("booked_at", Instant, nullable=False),
)

pieces = Table(
    "pieces",
    metadata,
    Column("id", Id, primary_key=True),
    Column("shipment", ForeignKey("shipments.id"), nullable=False, index=True),
    Column("number", Text, nullable=False),
    Column("journey", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("booked_at", Instant, nullable=False),
    Column("due_by", Instant, nullable=False),
    Column("service", Text, nullable=False),
    Column("booked_legs", Text, nullable=False),
    Column("weight_g", Integer),
    Column("size_mm", Text),
    Column("contents", Text),
    Column("hs", Text),
    Column("value_minor", BigInteger),
    Column("currency", Text),
    sa.UniqueConstraint("number", "journey"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("number", Text, primary_key=True),  # first: a scan and a customer bring a number, and may mean any scheme
    Column("scheme", Text, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), primary_key=True, index=True),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key_digest", Text, nullable=False, unique=True),
    Column("made_at", Instant, nullable=False),
)

feeds = Table(
    "feeds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_digest", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

pins = Table(
    "pins",
    metadata,
    Column("account", Text, primary_key=True),
    Column("carrier", Text, primary_key=True),
    Column("pinned_at", Instant, nullable=False),
)

# Staff: who may sign in, who is signed in, and the chain of what they did.

staff = Table(
    "staff",
    metadata,
    Column("user", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("site", Text),
    Column("language", Text, nullable=False),
    Column("password_hash", Text),
    Column("long_password", Boolean, nullable=False, server_default=sa.false()),
    Column("code_secret", LargeBinary),
    Column("code_pending", LargeBinary),
    Column("code_step", BigInteger),
    Column("demo", Boolean, nullable=False, server_default=sa.false()),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("user", ForeignKey("staff.user"), nullable=False, index=True),
    Column("via", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

staff_links = Table(
    "staff_links",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("user", ForeignKey("staff.user"), nullable=False, index=True),
    Column("ends_at", Instant, nullable=False),
)

staff_passkeys = Table(
    "staff_passkeys",
    metadata,
    Column("credential", Text, primary_key=True),
    Column("user", ForeignKey("staff.user"), nullable=False, index=True),
    Column("name", Exact, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant),
)

staff_recovery = Table(
    "staff_recovery",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("user", ForeignKey("staff.user"), nullable=False, index=True),
)

staff_challenges = Table(
    "staff_challenges",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("ends_at", Instant, nullable=False),
)

staff_failures = Table(
    "staff_failures",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name_digest", Text, nullable=False, index=True),
    Column("user", Text),
    Column("at", Instant, nullable=False),
    Column("counts", Boolean, nullable=False, server_default=sa.true()),
    Column("told", Boolean, nullable=False, server_default=sa.false()),
)

audit = Table(
    "audit",
    metadata,
    Column("n", Id, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Exact, nullable=False),
    Column("reason", Exact),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("audit_by", "who", "at"),
)

answers = Table(
    "answers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_digest", Text, nullable=False),
    Column("shipment", ForeignKey("shipments.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
)

# Who may see more of a piece than its number shows. Links and cookies are kept as digests only.

links = Table(
    "links",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("person", ForeignKey("people.id"), primary_key=True),
    Column("form", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("digest", Text, unique=True),
    sqlite_with_rowid=False,
)

views = Table(
    "views",
    metadata,
    Column("session", Text, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("form", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Index("views_of_piece", "piece"),
    sqlite_with_rowid=False,
)

tries = Table(
    "tries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("tried_at", Instant, nullable=False),
    Index("tries_of", "subject", "tried_at"),
)

# Who asked to hear of a piece by its number alone. An address is found again by a keyed digest of it.

contacts = Table(
    "contacts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("person", ForeignKey("people.id"), nullable=False, unique=True),
    Column("link", Text, unique=True),
    Column("times", Integer, nullable=False, server_default="0"),
    Column("written_at", Instant),
)

follows = Table(
    "follows",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("person", ForeignKey("people.id"), primary_key=True, index=True),
    Column("kinds", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    sqlite_with_rowid=False,
)
Index("follows_waiting", follows.c.asked_at, sqlite_where=follows.c.confirmed_at.is_(None),
      postgresql_where=follows.c.confirmed_at.is_(None))  # fmt: skip

asked = Table(
    "asked",
    metadata,
    Column("id", Id, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False, index=True),
    Column("key", Text, nullable=False, unique=True),
    Column("ask", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("outcome", Text),
    Index("asked_waiting", "id", sqlite_where=sa.text("outcome IS NULL"), postgresql_where=sa.text("outcome IS NULL")),
)

# What people add to cases, which themselves follow from what is open.

cases = Table(
    "cases",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("owner", Text),
    Column("ending", Text),
    Column("ended_by", Text),
    Column("ended_at", Instant),
    Index("cases_of", "owner"),
    sqlite_with_rowid=False,
)

case_notes = Table(
    "case_notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("user", Text, nullable=False),
    Column("note", Exact, nullable=False),
    Column("key", Text, nullable=False, unique=True),
)

case_looks = Table(
    "case_looks",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("user", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Derived: how far each reader of the log is, and what it made of it.

readers = Table(
    "readers", metadata, Column("name", Text, primary_key=True), Column("position", BigInteger, nullable=False)
)

piece_facts = Table(
    "piece_facts",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("pos", ForeignKey("facts.pos"), primary_key=True),
    sqlite_with_rowid=False,
)

departure_facts = Table(
    "departure_facts",
    metadata,
    Column("departure", ForeignKey("departures.name"), primary_key=True),
    Column("pos", ForeignKey("facts.pos"), primary_key=True),
    sqlite_with_rowid=False,
)

container_facts = Table(
    "container_facts",
    metadata,
    Column("container", Text, primary_key=True),
    Column("happened_at", Instant, primary_key=True),
    Column("pos", ForeignKey("facts.pos"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

contents = Table(
    "contents",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("container", Text, primary_key=True),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("contents_of", contents.c.container, contents.c.last)

unmatched = Table(
    "unmatched",
    metadata,
    Column("number", Text, primary_key=True),
    Column("pos", ForeignKey("facts.pos"), primary_key=True),
    Column("why", Text, nullable=False),
    sqlite_with_rowid=False,
)
UNKNOWN_DEPARTURE = "unknown departure"
Index(
    "unmatched_departures",
    unmatched.c.number,
    sqlite_where=unmatched.c.why == UNKNOWN_DEPARTURE,
    postgresql_where=unmatched.c.why == UNKNOWN_DEPARTURE,
)

timelines = Table(
    "timelines",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("facility", Text),
    Column("rank", Integer, nullable=False, server_default="0"),
    Column("progress", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("judgement", Text, nullable=False),
    Column("judge_again_at", Instant, index=True),
    Column("stale", Boolean, nullable=False, server_default=sa.false()),
)

planned_rides = Table(
    "planned_rides",
    metadata,
    Column("departure", Text, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("in_force", Boolean, nullable=False),
    Index("planned_rides_by_piece", "piece"),
    sqlite_with_rowid=False,
)

irregularities = Table(
    "irregularities",
    metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("cleared_at", Instant),
)
Index("irregularities_about", irregularities.c.subject, irregularities.c.kind)

updates = Table(
    "updates",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False),
    sqlite_autoincrement=True,
)

# What is owed outlives every rebuild: it says what people were told.

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("piece", ForeignKey("pieces.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),  # among those of its piece, from 1
    Column("kind", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("channels", Text, nullable=False),
    Column("owed_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("planned", Boolean, nullable=False, server_default=sa.false()),  # for its person
    Column("noted", Boolean, nullable=False, server_default=sa.false()),  # for the machines of its account
    Column("outcome", Text, nullable=False, server_default="due"),
    Column("root", Text),  # what may owe others the same
    Column("incident", Text),  # the one it waits with
    sa.UniqueConstraint("cause", "person"),
)
Index("outbox_root", outbox.c.root, outbox.c.owed_at, sqlite_where=outbox.c.root.isnot(None),
      postgresql_where=outbox.c.root.isnot(None))  # fmt: skip
Index("outbox_incident", outbox.c.incident, outbox.c.person, sqlite_where=outbox.c.incident.isnot(None),
      postgresql_where=outbox.c.incident.isnot(None))  # fmt: skip
Index("outbox_unplanned", outbox.c.not_before, sqlite_where=~outbox.c.planned, postgresql_where=~outbox.c.planned)
Index("outbox_unnoted", outbox.c.owed_at, sqlite_where=~outbox.c.noted, postgresql_where=~outbox.c.noted)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("root", Text, nullable=False, index=True),
    Column("since", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),  # when a notice of it was owed last
    Column("decision", Text, nullable=False, server_default=""),
    Column("words", Text, nullable=False, server_default="{}"),  # JSON: what support wrote, by language
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_at", Instant),
)
