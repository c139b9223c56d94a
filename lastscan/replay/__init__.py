"""A day of departures and bags, played again through the rules under a virtual clock (`docs/connections.md`)."""
