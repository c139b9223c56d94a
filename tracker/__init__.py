"""The central tracker: takes scans, keeps them, folds them into timelines and judges them against the plan."""
