# One image for every process of Sunhelm. By default it runs the exporter:
#     docker run --volume ./sunhelm.yml:/etc/sunhelm/sunhelm.yml:ro --volume sunhelm-run:/run/sunhelm \
#         --publish 127.0.0.1:10480:10480 sunhelm
# The controller keeps a journal, and lets nobody in without a token:
#     docker run --volume ./sunhelm.yml:/etc/sunhelm/sunhelm.yml:ro --volume sunhelm-run:/run/sunhelm \
#         --volume ./controller.token:/etc/sunhelm/controller.token:ro \
#         --volume sunhelm-state:/var/lib/sunhelm/controller --publish 127.0.0.1:10481:10481 \
#         --env SUNHELM_HEALTH_URL=http://127.0.0.1:10481/-/healthy sunhelm \
#         sunhelm-controller --config.file=/etc/sunhelm/sunhelm.yml --web.listen-address=0.0.0.0:10481 \
#         --web.bearer-token-file=/etc/sunhelm/controller.token
FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.txt requirements-build.txt ./
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements-build.txt \
    && python -m venv --without-pip /opt/sunhelm \
    && python -m pip --python /opt/sunhelm/bin/python install --no-cache-dir --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY controllers controllers
COPY exporter exporter
COPY sunhelm sunhelm
RUN python -m hatchling build --target wheel --directory dist \
    && python -m pip --python /opt/sunhelm/bin/python install --no-cache-dir --no-index --no-deps --find-links dist sunhelm

FROM python:3.13-slim
# What a release says of itself: CONTRIBUTING.md, Releasing.
ARG VERSION="" REVISION="" CREATED=""
LABEL org.opencontainers.image.title="Sunhelm" \
      org.opencontainers.image.description="Prometheus and InfluxDB exporter, and alert-driven controller, for home-solar equipment" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# Where the processes take turns on a device: one volume for all containers that speak to it.
# The controller's journal needs a volume as well: it knows what is owed to the devices. So does the spool of
# the exporter, which keeps what InfluxDB has not taken yet.
RUN install --directory --owner=65532 --group=65532 --mode=2770 /run/sunhelm \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/sunhelm/controller /var/lib/sunhelm/spool
COPY --from=build /opt/sunhelm /opt/sunhelm
ENV PATH=/opt/sunhelm/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 10480 10481
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["sunhelm", "healthcheck"]
CMD ["sunhelm-exporter", "--config.file=/etc/sunhelm/sunhelm.yml", "--web.listen-address=0.0.0.0:10480"]
