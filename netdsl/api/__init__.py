"""What a user does with a file, for the command line and for Python alike; prints only where it is told to.
May import everything but `cli`."""
