"""A chain that was touched says where."""

import hashlib
import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.chain import GENESIS, Broken, Head, canonical, linked, verify, verify_lines

said = st.fixed_dictionaries(
    {
        "who": st.text(st.characters(codec="utf-8"), max_size=6),
        "count": st.integers(-(10**6), 10**6),
        "reason": st.none() | st.text(st.characters(codec="utf-8"), max_size=6),
        "held": st.booleans(),
    }
)


def chained(contents):
    rows, head = [], Head()
    for content in contents:
        rows.append(linked(head, content))
        head = Head(rows[-1]["n"], rows[-1]["hash"])
    return rows, head


def written(rows):
    return [canonical(row) + b"\n" for row in rows]


chains = st.lists(said, min_size=1, max_size=6).map(chained)


@given(chains)
def test_an_untouched_chain_verifies_to_its_head(chain):
    rows, head = chain
    assert verify(rows, [Head(row["n"], row["hash"]) for row in rows]) == head
    assert verify_lines(written(rows)) == head


@given(chains, st.data())
def test_any_byte_flipped_is_found_at_its_row(chain, data):
    lines = written(chain[0])
    at = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, len(lines[at]) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(lines[at])
    flipped[byte] ^= 1 << bit
    exported = b"".join([*lines[:at], bytes(flipped), *lines[at + 1 :]])
    found = verify_lines(BytesIO(exported))
    assert isinstance(found, Broken)
    assert found.n == at + 1


@given(chains, st.data())
def test_a_row_that_was_dropped_is_found_at_its_place(chain, data):
    rows, head = chain
    at = data.draw(st.integers(0, len(rows) - 1))
    found = verify([*rows[:at], *rows[at + 1 :]], [head])
    assert isinstance(found, Broken)
    assert found.n == at + 1


@given(st.lists(said, min_size=2, max_size=6).map(chained), st.data())
def test_rows_that_were_swapped_are_found_at_the_first_of_them(chain, data):
    rows, _ = chain
    first, second = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=2, max_size=2)))
    rows[first], rows[second] = rows[second], rows[first]
    found = verify(rows)
    assert isinstance(found, Broken)
    assert found.n == first + 1


@given(chains, st.data())
def test_a_chain_written_anew_is_found_by_the_head_that_was_noted(chain, data):
    rows, head = chain
    at = data.draw(st.integers(0, len(rows) - 1))
    contents = [{name: row[name] for name in ("who", "count", "reason", "held")} for row in rows]
    contents[at] = {**contents[at], "count": contents[at]["count"] + 1}
    forged, _ = chained(contents)
    assert isinstance(verify(forged), Head)
    assert verify(forged, [head]) == Broken(
        head.n, "its hash is not the one that was noted elsewhere: it was written anew"
    )


def test_the_hash_is_one_that_anybody_can_work_out():
    row = linked(Head(), {"who": "ada", "reason": "läuft"})
    assert row["hash"] == hashlib.sha256((GENESIS + '{"n":1,"reason":"läuft","who":"ada"}').encode()).hexdigest()


@pytest.mark.parametrize("value", [1.5, [1], {"a": 1}, b"x"])
def test_what_has_more_than_one_spelling_is_not_taken(value):
    with pytest.raises(TypeError):
        linked(Head(), {"value": value})


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"{}\n", b"[" * 100_000, b'{"n":1}\n', b"\xff\n"])
def test_a_line_that_is_no_row_breaks_the_chain_there(line):
    assert verify_lines([line]).n == 1
    assert isinstance(verify_lines([line]), Broken)


def test_a_name_given_twice_in_a_line_does_not_hide():
    row = linked(Head(), {"who": "ada"})
    doubled = canonical(row).replace(b'{"hash"', b'{"who":"eve","hash"') + b"\n"
    assert json.loads(doubled) == row
    assert isinstance(verify_lines([doubled]), Broken)
