"""Sends what is owed: leases notices from the outbox, sends them, proves it."""
