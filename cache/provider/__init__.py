"""The language model as a provider: an endpoint, what it sent, why it failed, and what it may cost."""
