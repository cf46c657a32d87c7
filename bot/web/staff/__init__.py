"""People who work here: accounts, log-in, roles."""
