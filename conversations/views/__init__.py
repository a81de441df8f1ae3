"""Views of the agents' work, one module per screen or act."""
