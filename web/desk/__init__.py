"""The support desk: what needs a person, worst first, and everything about one case on one screen."""
