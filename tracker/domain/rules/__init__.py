"""One irregularity a file."""
