# One image for every process of Link ID; docker-compose.yml says which container may have what.
FROM python:3.13-slim-bookworm AS built
WORKDIR /src
COPY locks/all.txt locks/all.txt
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r locks/all.txt
COPY . .
RUN /build/bin/python -m tools.web build \
 && /build/bin/python -m hatchling build --target wheel

FROM python:3.13-slim-bookworm
# SoftHSM stands in for an HSM. With a real one, put its PKCS#11 module here instead.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends softhsm2 \
 && rm -rf /var/lib/apt/lists/*
COPY locks/server.txt /tmp/server.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/server.txt && rm /tmp/server.txt
COPY --from=built /src/dist/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/*.whl && rm /tmp/*.whl
COPY --from=built /src/phone_app/dist /usr/share/linkid/phone_app
ENV LINKID_VAR=/var/lib/linkid PYTHONUNBUFFERED=1
# Volumes take the owner of the folder they are first mounted over.
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin linkid \
 && install -d -o linkid -m 0711 /var/lib/linkid \
 && install -d -o linkid -m 0700 /var/lib/linkid/run /var/lib/linkid/heads /var/lib/linkid/secrets \
      /var/lib/linkid/tokens /var/lib/linkid/tokens/sam /var/lib/linkid/tokens/ac /var/lib/linkid/operator
USER linkid
ENTRYPOINT ["python", "-m", "linkid"]
