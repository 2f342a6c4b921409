/** Texts of manifests that cases start from. */

export const digestA = `sha256:${"0123456789abcdef".repeat(4)}`;
export const digestB = `sha256:${"fedcba9876543210".repeat(4)}`;

/** The least an app can say. */
export const smallText = `services:
  web:
    image: registry.example/notes:1.0@${digestA}
x-piccolo:
  id: notes
  version: "1.0"
  name: Notes
  summary: Short notes
  web: { service: web, port: 8080 }
`;

/** One of everything that is used often. */
export const fullText = `name: shelf
services:
  web:
    image: ghcr.io/example/shelf:2.1.0@${digestA}
    command: serve --listen "0.0.0.0 8080"
    environment:
      DATABASE_URL: postgres://shelf:\${DB_PASSWORD}@db/shelf
      PUBLIC_URL: \${PICCOLO_APP_URL}
      OPEN_SIGN_UP: \${OPEN_SIGN_UP}
      PRICE: $$5
      SMTP_PASSWORD: \${SMTP_PASSWORD}
      WORKERS: 2
    volumes:
      - books:/books
      - type: tmpfs
        target: /tmp
        tmpfs: { size: 16m }
    secrets: [DB_PASSWORD]
    depends_on:
      db: { condition: service_healthy }
    read_only: true
    init: true
    user: "1000:1000"
    cap_add: [NET_BIND_SERVICE]
    mem_limit: 1g
    cpus: "1.5"
    pids_limit: 200
    stop_grace_period: 1m
  db:
    image: postgres:17@${digestB}
    environment:
      - POSTGRES_USER=shelf
      - POSTGRES_PASSWORD_FILE=/run/secrets/DB_PASSWORD
    volumes: [database:/var/lib/postgresql/data]
    secrets: [DB_PASSWORD]
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]
    shm_size: 128m
    healthcheck:
      test: pg_isready -U $$POSTGRES_USER
      interval: 10s
      timeout: 5s
      retries: 5
      start_period: 30s
volumes:
  books:
  database: {}
x-piccolo:
  id: shelf
  version: 2.1.0
  name: Shelf
  summary: { en: Your books, de: Deine Bücher }
  description: |
    A shelf for books.
    It has room.
  author: Example
  website: https://shelf.example
  license: MIT
  categories: [books]
  architectures: [amd64, arm64]
  minimum-os: 0.1.0
  web: { service: web, port: 8080, start-path: /home, health-path: /health, start-time: 90s }
  volumes:
    books: { title: { en: Books, de: Bücher }, snapshot: live }
    database: { title: Database, snapshot: pause, size-max: 10g }
  secrets:
    DB_PASSWORD: { length: 40, alphabet: hex }
  settings:
    OPEN_SIGN_UP: { type: switch, label: Let visitors sign up, default: false }
    SMTP_PASSWORD: { type: password, label: Password of the mail account }
    MAIL_WORD: { type: text, label: Word of the mail account, default: hunter2 }
    MAIL_NAME: { type: text, label: Name of the mail account }
  grants:
    internet: { reason: Fetches covers of books, required: false }
    public-paths: { reason: Shows shared lists to guests, paths: [/share/*] }
  update: { side-by-side: false }
`;
