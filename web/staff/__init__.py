"""Pages of staff: signing in, one's own account, and what administrators keep. Each page says which act it needs."""
