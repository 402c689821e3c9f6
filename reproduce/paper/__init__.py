"""What the paper prints, as data with its source."""
