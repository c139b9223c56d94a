"""The QR code of a label names the parcel its bars name, and no other link names anything."""

import pytest

from tracker.domain.ids import identify, linked_number

NUMBER = "RB123456785GB"


@pytest.mark.parametrize(
    "link", [f"https://track.example.org/t/{NUMBER}", f"http://127.0.0.1:8080/t/{NUMBER}#to=OSL&on=2026-11-22", f"https://example.org/shop/t/{NUMBER.lower()}?lang=en"]
)  # fmt: skip
def test_a_tracking_link_is_read_as_its_parcel(link: str) -> None:
    assert linked_number(link) == NUMBER
    assert [c.number for c in identify(link, "qr")] == [NUMBER]


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        "https://example.org/t/RB123456784GB",  # the check digit does not match
        "https://example.org/t/0220456789",  # digits that any shop's link may end with
        f"ftp://example.org/t/{NUMBER}",
        f"https://example.org/t/{NUMBER}/more",
        f"https://example.org/t/{NUMBER} and more",
        f"https://example.org/{'a' * 400}/t/{NUMBER}",
        "https://" + "a/" * 50_000,
    ],
)
def test_any_other_text_is_no_link_of_ours(text: str) -> None:
    assert linked_number(text) is None
