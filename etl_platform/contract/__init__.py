"""What a source promises and what the stages hand to each other: values, and no calls."""
