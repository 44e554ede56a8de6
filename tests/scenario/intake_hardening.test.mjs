// What a stranger can do to the port that webhooks come in by: slow, large, ambiguous and many, and who else notices.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { Host, within } from './support.mjs';

const ADDRESS = '/webhooks/0190a000-0000-7000-8000-000000000000';

async function started(t, env = {}) {
  const host = await Host.start({ env: { TOMADA_THREADS: '2', ...env } });
  t.after(() => host.close());
  return host;
}

// A connection that keeps what it read; `ended` when the other side closed it.
async function wire(host) {
  const socket = net.connect({ port: host.port, host: '127.0.0.1' });
  const client = { socket, read: '', ended: new Promise((resolve) => { socket.once('close', resolve); }) };
  socket.on('data', (chunk) => { client.read += chunk; });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return client;
}

// How often the host handled a request; counted by its own metrics.
async function handled(host) {
  const { body } = await host.api('GET', '/metrics');
  let sum = 0;
  for (const [, labels, count] of body.matchAll(/^tomada_api_requests_total\{(.*)\} (\d+)/gm)) {
    if (!labels.includes('"/metrics"')) sum += Number(count);
  }
  return sum;
}

function residentBytes(host) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${host.child.pid}/status`, 'utf8'))[1]) * 1024;
}

test('slow clients are cut at the limit while others are served', async (t) => {
  const host = await started(t, { TOMADA_API_REQUEST_TIMEOUT_MS: '1500', TOMADA_API_IDLE_TIMEOUT_MS: '1500' });
  const clients = await Promise.all(Array.from({ length: 300 }, () => wire(host)));
  const begun = Date.now();
  const body = `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n`;
  const chunks = `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`;
  clients.forEach(({ socket }, i) => socket.write([`POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nX: `, body, chunks][i % 3]));
  const drip = setInterval(() => clients.forEach(({ socket }, i) => {
    if (!socket.destroyed && socket.writable) socket.write(i % 3 === 2 ? '1\r\nx\r\n' : 'x');
  }), 50);
  t.after(() => clearInterval(drip));

  let served = 0;
  let done = false;
  const others = (async () => {
    while (!done) {
      const answer = await within(host.api('GET', '/health/live'), 'an answer beside the slow ones', 5);
      assert.equal(answer.status, 200);
      served += 1;
    }
  })();
  await within(Promise.all(clients.map(({ ended }) => ended)), 'the slow clients to be cut', 20);
  done = true;
  await others;
  assert.ok(Date.now() - begun >= 1000, 'they had their time');
  assert.ok(served > 20, `others were served ${served} times`);
  assert.equal(clients.filter(({ read }) => read.startsWith('HTTP/1.1 408 ')).length, clients.length, 'each was told why');
});

test('what is too large is refused by its size', async (t) => {
  const host = await started(t);
  const cases = [
    ['431', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['431', `POST ${ADDRESS}?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: h\r\n\r\n`],
    ['431', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(5_000)}\r\n`],
    ['413', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n`],
    ['413', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n`],
    ['400', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${'e'.repeat(100_000)}`],
    ['4\\d\\d', `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: b\r\n'.repeat(50_000)}`],
  ];
  for (const [status, text] of cases) {
    const client = await wire(host);
    client.socket.write(text);
    await within(client.ended, `the end after ${text.slice(0, 60)}`, 10);
    assert.match(client.read, new RegExp(`^HTTP/1.1 ${status} `), text.slice(0, 120));
  }
});

test('no ambiguous request hides a second one', async (t) => {
  const host = await started(t);
  const head = `POST ${ADDRESS} HTTP/1.1\r\nHost: h\r\n`;
  const hidden = 'GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n';
  const cases = {
    'CL and TE': `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'two lengths': `${head}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n`,
    'the same length twice': `${head}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
    'a list of lengths': `${head}Content-Length: 0, 0\r\n\r\n`,
    'a length with a plus': `${head}Content-Length: +0\r\n\r\n`,
    'an encoding in disguise': `${head}Transfer-Encoding: xchunked\r\n\r\n`,
    'two encodings': `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    'a space before the colon': `${head}Content-Length : 0\r\n\r\n`,
    'a folded line': `${head}X: y\r\n Content-Length: 0\r\n\r\n`,
    'a bare LF': `POST ${ADDRESS} HTTP/1.1\nHost: h\nContent-Length: 0\n\n`,
    'a bare CR': `${head}X: y\rContent-Length: 0\r\n\r\n`,
    'a NUL in a value': `${head}X: a\0b\r\n\r\n`,
    'a NUL in the target': 'GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n',
    'an absolute target': `POST http://elsewhere${ADDRESS} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`,
    'two hosts': `POST ${ADDRESS} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`,
    'a chunk size that is none': `${head}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n`,
    'a chunk longer than it says': `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
  };
  const before = await handled(host);
  for (const [what, text] of Object.entries(cases)) {
    const client = await wire(host);
    client.socket.write(text + hidden);
    await within(client.ended, `the end after ${what}`, 10);
    assert.match(client.read, /^HTTP\/1.1 400 /, what);
    assert.equal(client.read.match(/HTTP\/1\.1 \d/g).length, 1, `${what}: one answer`);
  }
  assert.equal(await handled(host), before, 'no handler saw any of it');

  // Clear ones, one behind the other: each is handled, in order.
  const client = await wire(host);
  client.socket.write(`${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}${hidden}GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  await within(client.ended, 'the end of the pipeline', 10);
  assert.deepEqual(client.read.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200']);
  assert.equal(await handled(host), before + 3);
});

test('ten thousand idle connections cost little and harm nobody', async (t) => {
  if (process.env.TOMADA_TEST_SANITIZER === 'thread') {
    t.skip('ThreadSanitizer knows 8,128 stacks at most, and each connection has one');
    return;
  }
  const wanted = 10_000;
  const host = await started(t, { TOMADA_API_CONNECTIONS_MAX: '12000', TOMADA_API_IDLE_TIMEOUT_MS: '600000' });
  try {
    for (const pid of [process.pid, host.child.pid]) execFileSync('prlimit', ['--pid', String(pid), `--nofile=${wanted + 2_000}:`], { stdio: 'ignore' });
  } catch {
    t.skip(`this machine does not allow ${wanted} open files`);
    return;
  }
  const before = residentBytes(host);
  const clients = [];
  t.after(() => clients.forEach(({ socket }) => socket.destroy()));
  for (let at = 0; at < wanted; at += 250) {
    const some = await Promise.all(Array.from({ length: 250 }, () => wire(host)));
    // Each has sent a request: what it left behind counts, too.
    await Promise.all(some.map((client) => {
      client.socket.write('GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n');
      return within(once(client.socket, 'data'), 'an answer', 30);
    }));
    clients.push(...some);
  }
  const resident = residentBytes(host);
  t.diagnostic(`resident with ${wanted} idle connections: ${(resident / 2 ** 20).toFixed(0)} MiB (${(before / 2 ** 20).toFixed(0)} before)`);
  assert.ok(clients.every(({ socket }) => !socket.destroyed), 'all are open');
  assert.ok(resident < 300 * 2 ** 20, `resident: ${resident}`);
  for (let i = 0; i < 20; ++i) {
    const answer = await within(host.api('GET', '/health/live'), 'an answer beside the idle ones', 5);
    assert.equal(answer.status, 200);
  }
});
