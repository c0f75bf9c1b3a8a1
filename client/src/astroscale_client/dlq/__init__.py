"""Dead letters as an operator sees them: chosen, shown, written to files."""
