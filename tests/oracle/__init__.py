"""Slow and obvious models, written from shared/spec alone: plain Python, nothing of eiesim."""
