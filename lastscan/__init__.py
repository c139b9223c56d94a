"""The command and the wiring of one process group."""
