"""Capture: read a barcode, journal it, beep, send it."""
