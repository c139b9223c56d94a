"""Notices to the machines of shippers, by the Standard Webhooks: signed, repeated, replayed."""
