"""The only place with Asterisk's words: AGI and AMI on one side, the words of `model` on the other. No I/O."""
