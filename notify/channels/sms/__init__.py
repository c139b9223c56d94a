"""Notices by SMS, through any of the services Apprise knows."""
