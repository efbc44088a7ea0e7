"""Synthetic data: phantom images and fictitious records, pure and reproducible."""
