"""Pure: a file's columns to the columns of an observation."""
