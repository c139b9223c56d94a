"""Where notify's SQLAlchemy lives, and nowhere else in notify."""
