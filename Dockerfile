# syntax=docker/dockerfile:1
FROM python:3.13-alpine AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt requirements-image.txt ./
# Tests that packages bring along, and pip itself, have no work in production.
RUN python -m venv /venv \
    && /venv/bin/pip install --only-binary :all: -r requirements.txt \
    && /venv/bin/pip install --only-binary :all: --target /tmp/brotli -r requirements-image.txt \
    && find /venv -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} + \
    && /venv/bin/python -m pip uninstall --yes pip
COPY manage.py ./
COPY pacs_portal pacs_portal
COPY accounts accounts
COPY studies studies
COPY analytics analytics
COPY monitoring monitoring
COPY templates templates
RUN find . -type d -name tests -prune -exec rm -rf {} + \
    && PYTHONPATH=/tmp/brotli SECRET_KEY=build ALLOWED_HOSTS=build PACS_VAR_DIR=/tmp/build \
       PACS_STATIC_ROOT=/app/static /venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM python:3.13-alpine
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PACS_VAR_DIR=/var/lib/pacs PACS_STATIC_ROOT=/app/static
RUN adduser -D -u 10001 pacs && install -d -o pacs /var/lib/pacs
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001
VOLUME /var/lib/pacs
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/livez"]
CMD ["gunicorn", "--config", "python:pacs_portal.gunicorn", "pacs_portal.wsgi"]
