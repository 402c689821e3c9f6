"""Real training: jobs, recipes, data, networks, the queue and what works it off; torch is imported here alone."""
