"""Notices to browsers by Web Push (RFC 8030): encrypted for one alone (RFC 8291), signed as ours (RFC 8292)."""
