"""What a prediction asks and answers, without transport or framework."""
