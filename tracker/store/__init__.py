"""Where the tracker's SQLAlchemy lives, and nowhere else in the tracker."""
