// How a host gets to its database, and what it says when it does not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Postgres } from '../support/postgres.mjs';
import { Host, temporaryFolder, tenant } from './support.mjs';

const PASSWORD = 'p@ss word/1';

function openssl(...args) {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

// An authority, and a certificate of it for the name localhost.
function certificates(folder, name) {
  const file = (suffix) => path.join(folder, suffix);
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-keyout', file('ca.key'), '-out', file('ca.crt'));
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost',
    '-keyout', file('server.key'), '-out', file('server.csr'));
  fs.writeFileSync(file('extensions'), 'subjectAltName=DNS:localhost');
  openssl('x509', '-req', '-in', file('server.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-days', '2', '-extfile', file('extensions'), '-out', file('server.crt'));
}

function folderOf(t) {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// A server of the test's own. Hooks run in the order in which they were set: it must stop before its folder goes.
function serverOf(t, options) {
  const folder = temporaryFolder();
  const postgres = Postgres.start(folder, options);
  t.after(() => {
    postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return postgres;
}

// The suite's server, or one of the test's own.
function anyServer(t) {
  const folder = process.env.TOMADA_TEST_POSTGRES;
  return folder ? new Postgres(folder) : serverOf(t);
}

// Why `serve` does not start.
async function refusal(t, store, env = {}) {
  const host = new Host({ env: { TOMADA_STORE: store, ...env } });
  t.after(() => fs.rmSync(host.data_dir, { recursive: true, force: true }));
  const started = await host.launch().then(() => undefined, (error) => error.message);
  if (started === undefined) await host.close();
  assert.ok(started, 'it must not start');
  assert.ok(!started.includes(PASSWORD) && !started.includes(encodeURIComponent(PASSWORD)), 'no password in what it says');
  return started;
}

test('TLS up to verify-full, and every way it can be wrong', async (t) => {
  const right = folderOf(t);
  const wrong = folderOf(t);
  certificates(right, 'the right authority');
  certificates(wrong, 'another authority');
  const postgres = serverOf(t, { tls_dir: right, password: PASSWORD });
  const { port, pathname } = new URL(postgres.createDatabase());
  const url = ({ host = 'localhost', password = PASSWORD, ...query }) =>
    `postgres://tomada:${encodeURIComponent(password)}@${host}:${port}${pathname}?hostaddr=127.0.0.1&${new URLSearchParams(query)}`;

  const secure = { sslmode: 'verify-full', sslrootcert: path.join(right, 'ca.crt') };
  const host = await Host.start({ env: { TOMADA_STORE: url(secure) } });
  t.after(() => host.close());
  await tenant(host, 'acme');
  const [encrypted] = postgres.sql('postgres', "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'tomada'");
  assert.equal(encrypted, 't');
  assert.ok(!host.log.includes(PASSWORD) && !host.log.includes(encodeURIComponent(PASSWORD)));

  assert.match(await refusal(t, url({ ...secure, sslrootcert: path.join(wrong, 'ca.crt') })), /certificate verify failed/);
  assert.match(await refusal(t, url({ ...secure, host: 'db.example.com' })), /does not match host name/);
  assert.match(await refusal(t, url({ sslmode: 'disable' })), /no encryption|no pg_hba.conf entry/);
  assert.match(await refusal(t, url({ ...secure, password: 'wrong' })), /password authentication failed/);
  // Not loopback by its name, nothing said about TLS: the system's authorities decide, and they do not know this one.
  assert.match(await refusal(t, `postgres://tomada@db.example.com:${port}${pathname}`), /./);
});

test('clear errors: not reachable, no such database, no URL, another program\'s schema, a newer version', async (t) => {
  const postgres = anyServer(t);
  assert.match(await refusal(t, 'postgres://tomada@127.0.0.1:1/x'), /cannot connect to postgres:\/\/tomada@127.0.0.1:1\/x.*refused/s);
  assert.match(await refusal(t, `${postgres.server}/not_there`), /"not_there" does not exist/);
  assert.match(await refusal(t, 'mysql://root@localhost/x'), /store\.url.*postgres:\/\//s);

  const foreign = postgres.createDatabase();
  const name = new URL(foreign).pathname.slice(1);
  postgres.sql(name, 'CREATE SCHEMA integrations AUTHORIZATION tomada; CREATE TABLE integrations.things (a int)');
  assert.match(await refusal(t, foreign), /made by another program/);

  const newer = postgres.createDatabase();
  const host = await Host.start({ env: { TOMADA_STORE: newer } });
  await host.close();
  postgres.sql(new URL(newer).pathname.slice(1), "INSERT INTO integrations.schema_migrations (version, name) VALUES (999, 'future')");
  assert.match(await refusal(t, newer), /newer version of Tomada/);
});

test('a second host with a master key of its own is told which one is needed', async (t) => {
  const postgres = anyServer(t);
  const store = postgres.createDatabase();
  const first = await Host.start({ env: { TOMADA_STORE: store } });
  t.after(() => first.close());
  const key = await tenant(first, 'acme');
  const body = { provider: 'example', name: 'x', config: { base_url: 'http://127.0.0.1:9' }, credentials: { token: 'x' } };
  assert.equal((await first.api('POST', '/v1/integrations', { key, body })).status, 201);
  assert.match(await refusal(t, store), /master key .*restore the master key file/s);
});
