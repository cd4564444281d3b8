"""What is in the museum, in numbers."""
