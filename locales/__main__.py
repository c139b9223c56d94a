"""`python -m locales` prints what the languages cannot say yet, ready to be filled in and put into their files."""

import sys

from locales.sentences import report

if __name__ == "__main__":
    gaps = list(report())
    sys.stdout.write("\n".join(gaps))
    sys.stderr.write(f"{len(gaps)} sentences to translate\n" if gaps else "every language says everything\n")
    sys.exit(1 if gaps else 0)
