# One image for every part: `fairlead control-plane`, `fairlead data-plane ...`, and the command line.
# The newest Node 24 is wanted here, security fixes included, so its tag floats.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# without the optional packages: they are the pinned Node, and the image has one
RUN npm ci --omit=dev --omit=optional

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY proto proto
COPY control-plane control-plane
COPY data-plane data-plane
COPY migrations migrations
COPY examples examples
# the folders belong to the user, and so do the volumes that are first mounted there
RUN ln -s /app/control-plane/cli/fairlead.js /usr/local/bin/fairlead \
  && install -d -o node -g node -m 0700 /var/lib/fairlead /run/fairlead
ENV NODE_ENV=production \
  FAIRLEAD_HOME=/var/lib/fairlead \
  FAIRLEAD_API=0.0.0.0:7070 \
  FAIRLEAD_XDS=0.0.0.0:7071
USER node
EXPOSE 7070 7071
# of a control plane; a data-plane node is asked on its own port, see docker-compose.yml
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7070/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["fairlead"]
CMD ["control-plane"]
