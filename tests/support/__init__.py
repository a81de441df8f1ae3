"""Real helpers of the tests: servers on loopback, builders of rows, mails."""
