# syntax=docker/dockerfile:1
# One image for the portal, its commands and its migrations: Alpine, under 100 MB compressed
# (python -m bench.image_size). Alpine has no wheel of the decoders; with them (docs/adr/0007-one-small-image.md):
#   docker build --build-arg BASE=python:3.13-slim-bookworm --build-arg REQUIREMENTS=requirements-decoders.txt .
ARG BASE=python:3.13-alpine3.22
FROM ${BASE} AS build
ARG REQUIREMENTS=requirements.txt
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt requirements-decoders.txt requirements-image.txt ./
# Nothing is compiled. Tests that packages bring along, and pip itself, have no work in production.
RUN python -m venv /tools \
    && /tools/bin/pip install --only-binary :all: -r requirements-image.txt \
    && python -m venv /venv \
    && /venv/bin/pip install --only-binary :all: -r requirements.txt -r "$REQUIREMENTS" \
    && /venv/bin/python -m pip uninstall --yes pip \
    && find /venv -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} + \
    && /tools/bin/cyclonedx-py environment /venv/bin/python --output-reproducible --output-file sbom.cdx.json
COPY manage.py ./
COPY pacs_portal pacs_portal
COPY accounts accounts
COPY studies studies
COPY analytics analytics
COPY monitoring monitoring
COPY templates templates
RUN find . -type d -name tests -prune -exec rm -rf {} + \
    && PYTHONPATH="$(echo /tools/lib/python3*/site-packages)" SECRET_KEY=build ALLOWED_HOSTS=build \
       PACS_VAR_DIR=/tmp/build PACS_STATIC_ROOT=/app/static \
       /venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM ${BASE}
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PACS_VAR_DIR=/var/lib/pacs PACS_STATIC_ROOT=/app/static
RUN echo "pacs:x:10001:10001::/var/lib/pacs:/sbin/nologin" >> /etc/passwd \
    && install -d -o 10001 -g 10001 /var/lib/pacs
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001
VOLUME /var/lib/pacs
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["gunicorn", "--config", "python:pacs_portal.gunicorn", "pacs_portal.wsgi"]
