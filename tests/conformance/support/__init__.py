"""What the tests that drive a real server from Python share."""
