"""Trial, demo and test runs on one machine: embedded servers, bootstrap and supervisor. Production uses none of it."""
