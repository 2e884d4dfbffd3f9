"""A simulated Asterisk that speaks real FastAGI and AMI bytes."""
