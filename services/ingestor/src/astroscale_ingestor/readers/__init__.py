"""One file for each format, on one base: a table read in chunks, in bounded memory."""
