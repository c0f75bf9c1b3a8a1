"""Pure: a model in memory, and what it says of encoded stars."""
