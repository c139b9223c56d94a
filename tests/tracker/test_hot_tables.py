"""What is done for each scan and each look-up finds its rows by an index, however many there are."""

from typing import Any

import sqlalchemy as sa

from tests.tracker.test_project import DEPARTED, MISSED, parcels_way, tell
from tests.tracker.world import BAG_TAG, World


def test_folding_judging_and_looking_up_read_no_table_from_end_to_end(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    world.books_bag()
    tell(world, [*parcels_way(number), *DEPARTED, *MISSED])
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters[0] if many else parameters))

    sa.event.listen(world.engine, "before_cursor_execute", note)
    world.fold()
    world.projector.judge_due()
    world.queries.card(number)
    world.queries.card(BAG_TAG)
    world.queries.updates_after(0)
    sa.event.remove(world.engine, "before_cursor_execute", note)
    with world.engine.connect() as connection:
        for statement, parameters in asked:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            whole = [step for step in plan if step.startswith("SCAN") and "USING" not in step]
            whole = [step for step in whole if not step.startswith(("SCAN json_each", "SCAN facilities"))]
            assert whole == [], f"{statement}\n{plan}"
    assert len(asked) > 20
