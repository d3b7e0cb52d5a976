"""Typesets the sample company's documents from the readable sources in data/source."""
