"""The words people read, one .po a language, for pages and notices alike."""
