"""Phones as servers: who may join, what they say of their samples, and the code that leads them here."""
