"""Faults on real processes, counted and verified, and what became of every scan that beeped (`docs/proving.md`)."""
