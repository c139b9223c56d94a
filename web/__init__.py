"""The front doors: pages and API."""
