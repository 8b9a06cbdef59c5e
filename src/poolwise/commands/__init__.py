"""What the command line can do: a file for each command, with its words, its arguments and its action."""
