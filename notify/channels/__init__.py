"""What a notice can travel by; one folder a channel."""
