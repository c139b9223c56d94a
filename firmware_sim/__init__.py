"""Virtual handhelds that run the shipped scanner code from a seed."""
