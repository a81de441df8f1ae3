#!/bin/bash
# First start of the database container: the product's role, which row-level security binds, and its database.
set -euo pipefail
: "${DATABASE_PASSWORD:?is not set}"

psql --username "${POSTGRES_USER:-postgres}" --dbname template1 --set ON_ERROR_STOP=1 --set password="$DATABASE_PASSWORD" <<'SQL'
CREATE ROLE kundomail LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE CREATEDB PASSWORD :'password';
-- Lets a search below row-level security use its index.
ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
SQL
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 \
    --command "CREATE DATABASE kundomail OWNER kundomail TEMPLATE template1"
