"""What a user does with a file, for the command line and for Python alike. May import everything but `cli`."""
