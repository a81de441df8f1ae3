"""The embedded servers: what they accept to start on, and what the application may do in them."""

from contextlib import closing

import psycopg2
import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_the_application_is_bound_by_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, True)
