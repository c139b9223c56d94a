"""Measurements anybody can repeat: `lastscan bench NAME --json`.

`harness` has what all of them share. A benchmark is a function that answers its figures as one mapping; each measures
its own limit in the same run and states what it reached of it, because rates of shared machines swing and ratios hold.
"""
