"""Asks the DNS about a sender domain: `whitelabel.survey.surveying.survey` is the door, `values` what it returns."""
