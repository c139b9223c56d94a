"""`python -m lastscan`: the same as the command."""

from lastscan.cli import main

main()
