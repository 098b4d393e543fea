"""Rules as JSON: their grammar, what they may ask, and their compilation to SQL."""
