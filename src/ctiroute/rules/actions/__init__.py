"""One module for each action a rule may take."""
