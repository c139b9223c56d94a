"""How long a leg really takes beside what was planned for it, learned from legs that are over.

`tables` says it, as a window with a stated confidence; `fit` learns it; `check` holds windows against what happened.
"""
