"""When a departure will leave and land, as far as can be known now, and whether what comes in on one catches the next.

`board` keeps what is known, `tables` what days gone by taught, `estimate` puts both together, `fit` learns, and `alert`
decides when a chance becomes an alert. Instants are whole minutes since 1970, UTC.
"""
