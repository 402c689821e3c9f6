"""What GPT-4 did with what it was told: trend, first proposal, cost feedback and distance, from its published runs."""
