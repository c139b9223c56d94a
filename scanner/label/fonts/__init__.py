"""The typeface of our labels: Europe's letters of Noto Sans Bold, and the Chinese of `scanner.label.words`.

Under the SIL Open Font License (`OFL.txt`). `subset.py` cuts it again.
"""
