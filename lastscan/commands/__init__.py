"""The subcommands of `lastscan`, one subject a file."""
