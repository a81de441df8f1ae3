"""Turns a survey into one verdict per record (pure): `whitelabel.diagnosis.judging.diagnose` is the door."""
