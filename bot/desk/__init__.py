"""The console where people answer customers."""
