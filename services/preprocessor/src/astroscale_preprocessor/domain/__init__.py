"""Pure: rows in, encoded columns and refusals out."""
