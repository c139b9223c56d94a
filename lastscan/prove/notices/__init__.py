"""Notices under fire: real notifiers killed over and over, a provider that drops at any byte, and who heard what."""
