/** Definitions in the shapes of other systems, written for these tests. */
import { digestA, digestB } from "./texts.ts";

/** Two services that share a password everybody knows, an address with it in it, and the names of Umbrel's containers. */
export const umbrelCompose = `version: "3.7"

x-environment: &database
  DB_HOST: bookmarks_db_1
  DB_USER: bookmarks
  DB_PASSWORD: everybodyknows

services:
  app_proxy:
    environment:
      APP_HOST: bookmarks_web_1
      APP_PORT: 8000
      PROXY_AUTH_ADD: "false"

  web:
    image: ghcr.io/example/bookmarks:3.1.4@${digestA}
    user: "1000:1000"
    restart: on-failure
    stop_grace_period: 1m
    hostname: "\${DEVICE_HOSTNAME}"
    environment:
      <<: *database
      DATABASE_URL: postgres://bookmarks:everybodyknows@bookmarks_db_1:5432/bookmarks
      SECRET_KEY: \${APP_SEED}
      ADMIN_PASSWORD: \${APP_PASSWORD}
      PUBLIC_HOST: \${APP_DOMAIN}
      PRICE: $$5
    volumes:
      - \${APP_DATA_DIR}/data/web:/var/lib/bookmarks
      - \${UMBREL_ROOT}/data/storage/downloads:/downloads:ro
      - /etc/localtime:/etc/localtime:ro
    ports:
      - 2222:2222
    depends_on:
      db:
        condition: service_healthy

  db:
    image: postgres:17-alpine@${digestB}
    user: "1000:1000"
    restart: on-failure
    environment:
      - POSTGRES_USER=bookmarks
      - POSTGRES_PASSWORD=everybodyknows
    volumes:
      - \${APP_DATA_DIR}/data/db:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U $$POSTGRES_USER"]
      interval: 10s
      timeout: 5s
      retries: 5
`;

export const umbrelApp = `manifestVersion: 1.1
id: bookmarks
category: files
name: Bookmarks
version: "3.1.4"
tagline: Links you can find again
description: >-
  Keep links, with tags.
developer: Example
website: https://bookmarks.example
dependencies: []
port: 8123
path: "/login"
defaultUsername: admin
deterministicPassword: true
`;

export const casaOs = `name: readlater
services:
  readlater:
    image: example/readlater:2.0.1
    container_name: readlater
    network_mode: bridge
    restart: unless-stopped
    deploy:
      resources:
        reservations:
          memory: 256M
    environment:
      TZ: $TZ
      PUID: $PUID
      PASSWORD: casaos
    ports:
      - target: 8080
        published: "18080"
        protocol: tcp
      - target: 1900
        published: "1900"
        protocol: udp
    volumes:
      - type: bind
        source: /DATA/AppData/$AppID/config
        target: /config
      - type: bind
        source: /DATA/Downloads
        target: /downloads
    devices:
      - /dev/dri:/dev/dri
    x-casaos:
      envs:
        - container: TZ
          description: { en_US: Time zone }
x-casaos:
  architectures: [amd64, arm64, arm]
  main: readlater
  store_app_id: readlater
  category: Utilities
  developer: Example
  index: /app
  port_map: "18080"
  title: { en_us: Read later, de_de: Später lesen, zh_cn: 稍后阅读 }
  tagline: { en_us: Articles for the train, de_de: Artikel für die Bahn }
  description: { en_us: Keeps articles., de_de: Bewahrt Artikel auf. }
`;

export const runtipiCompose = `{
  "schemaVersion": 2,
  "services": [
    {
      "name": "ledger",
      "image": "ghcr.io/example/ledger:v5.0",
      "isMain": true,
      "internalPort": 3000,
      "dependsOn": { "ledger-db": { "condition": "service_healthy" } },
      "addPorts": [{ "containerPort": 53, "hostPort": 53, "udp": true }],
      "volumes": [{ "hostPath": "\${APP_DATA_DIR}/data/files", "containerPath": "/files" }],
      "environment": [
        { "key": "BASE_URL", "value": "\${APP_PROTOCOL:-http}://\${APP_DOMAIN}" },
        { "key": "DB_PASSWORD", "value": "\${LEDGER_DB_PASSWORD}" },
        { "key": "SMTP_PASSWORD", "value": "\${LEDGER_SMTP_PASSWORD}" },
        { "key": "SIGN_UP", "value": "\${LEDGER_SIGN_UP}" },
        { "key": "TZ", "value": "\${TZ}" }
      ]
    },
    {
      "name": "ledger-db",
      "image": "mariadb:11",
      "volumes": [{ "hostPath": "\${APP_DATA_DIR}/data/db", "containerPath": "/var/lib/mysql" }],
      "environment": [{ "key": "MARIADB_PASSWORD", "value": "\${LEDGER_DB_PASSWORD}" }],
      "healthCheck": { "test": "healthcheck.sh --connect", "interval": "10s", "timeout": "5s", "retries": 3, "startPeriod": "10s" }
    }
  ]
}`;

export const runtipiConfig = `{
  "id": "ledger",
  "name": "Ledger",
  "version": "5.0",
  "available": true,
  "port": 8400,
  "categories": ["finance"],
  "short_desc": "Where the money went",
  "description": "Books, kept.",
  "author": "Example",
  "website": "https://ledger.example",
  "form_fields": [
    { "type": "random", "label": "Database password", "min": 40, "encoding": "hex", "env_variable": "LEDGER_DB_PASSWORD" },
    { "type": "password", "label": "Mail password", "env_variable": "LEDGER_SMTP_PASSWORD" },
    { "type": "boolean", "label": "Allow sign-up", "default": true, "env_variable": "LEDGER_SIGN_UP" }
  ],
  "supported_architectures": ["arm64", "amd64"]
}`;

export const plainCompose = `services:
  app:
    image: example/wiki:1@${digestA}
    ports: ["\${PORT:-8080}:80"]
    environment:
      TITLE: \${WIKI_TITLE:-My wiki}
      API_TOKEN: \${WIKI_API_TOKEN}
      REDIS_URL: redis://:everybodyknows@cache:6379
    volumes:
      - ./pages:/pages
      - uploads:/uploads
    depends_on: [cache]
  cache:
    image: redis:8@${digestB}
    labels: { a: b }
volumes:
  uploads: {}
`;

/** Of the images they name by a tag alone. */
export const digests: ReadonlyMap<string, string> = new Map([
  ["example/readlater:2.0.1", digestA],
  ["ghcr.io/example/ledger:v5.0", digestA],
  ["mariadb:11", digestB],
]);
