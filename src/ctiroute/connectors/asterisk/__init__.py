"""Voice: FastAGI in, AMI events in."""
