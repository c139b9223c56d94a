"""What people wish to hear, by what, and when: decisions on values, for an address and whatever is booked to it."""
