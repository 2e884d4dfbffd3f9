"""One module for each condition a rule may use."""
