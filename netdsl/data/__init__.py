"""Which data a run takes, fetching them, and looking at them. Imports the compiler and what is below it."""
