"""The federation's rules and mathematics: pure, synchronous, numpy in and numpy out."""
