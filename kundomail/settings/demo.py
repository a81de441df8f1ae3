"""The demo data of local mode (`manage.py demo_data`)."""

# Role, e-mail address and password of the people made by demo_data and printed by `make run`.
DEMO_LOGINS: tuple[tuple[str, str, str], ...] = (
    ("admin", "admin@lillestad.se", "visa-kundomail"),
    ("agent", "agent@lillestad.se", "visa-kundomail"),
)
