"""Pictures of every page state, in both languages, both colour schemes and three widths, to be looked at."""
