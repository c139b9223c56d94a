"""The tables notify owns."""
