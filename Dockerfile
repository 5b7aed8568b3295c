# One image for every Python process of the lab, and Redis with a user of its own. Built by docker-compose.yml.
#
#   build   makes the virtual environment from the lock (checked hashes, wheels only) and compiles the code
#   lab     what runs: no pip, no compiler, not root, nothing to write to
#   tools   the same, and what reports need
#   store   Redis, not as root from its first instruction
#
# Requirements come before the code, so that a change of code reuses their layer.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/lab
COPY requirements/lab.txt /tmp/lab.txt
RUN python -m pip --python /opt/lab/bin/python install --quiet --require-hashes --only-binary :all: -r /tmp/lab.txt
COPY . /app
# Compiled here, since nothing can be written there; readable whatever the umask of the clone was
RUN python -m compileall -q --invalidation-mode unchecked-hash /app && chmod -R a+rX /app

FROM python:3.13-slim AS lab
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin lab
COPY --from=build /opt/lab /opt/lab
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/lab/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NO_PROXY=* no_proxy=*
USER lab
CMD ["python", "-m", "control_plane", "serve"]

FROM build AS build-tools
RUN python -m pip --python /opt/lab/bin/python install --quiet --require-hashes --only-binary :all: -r /app/requirements/report.txt

FROM lab AS tools
USER root
COPY --from=build-tools /opt/lab /opt/lab
RUN mkdir /app/load_tests/results && chown lab:lab /app/load_tests/results
USER lab
ENV LAB_STATE_DIR=/app/load_tests/results/.state MPLCONFIGDIR=/tmp
ENTRYPOINT ["python", "-m", "load_tests.compare"]

# A new volume takes its owner from these folders, so the container needs neither root nor a capability to write to it
FROM redis:8-alpine AS store
USER root
RUN mkdir -p /data /run/redis && chown 999:1000 /data /run/redis
USER 999:1000
