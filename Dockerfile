# One image for every process of the product; docker-compose.yml says which of them a container runs.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements/ requirements/
# relay-api: with the clients of mail services, see docs/operations.md.
ARG REQUIREMENTS=run
# Three packages come as sources only: what builds them is installed by hash too, and stays in this stage.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/venv/bin/pip install --no-cache-dir --no-build-isolation --require-hashes -r requirements/${REQUIREMENTS}.txt \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/tools/bin/pip install --no-cache-dir --no-build-isolation --require-hashes -r requirements/local.txt
COPY . .
# Values only for this step: collectstatic imports the settings and connects to nothing.
RUN /opt/tools/bin/python -m kundomail.local.catalogues \
    && SECRET_KEY=unused MAIL_SECRETS=unused SITE_URL=https://unused.invalid RELAY_URL=smtp://unused.invalid \
       DATABASE_URL=postgres://unused@unused/unused REDIS_URL=redis://unused \
       /opt/venv/bin/python manage.py collectstatic --noinput --verbosity=0

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin kundomail
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000 2525
CMD ["python", "-m", "uvicorn", "kundomail.asgi:application", "--host", "0.0.0.0", "--port", "8000"]
