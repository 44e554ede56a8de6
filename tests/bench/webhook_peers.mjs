// The receivers of the webhook benchmark. Each: { name, port, path, backlog(), check(ids), stop() }.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Host, freePort, request, until } from '../support/host.mjs';
import { Nginx } from './nginx.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const PAGE = 1000;

export const SECRET = 'whsec_of_the_benchmark';

// Takes the body, does nothing.
export async function nginxPeer(folder) {
  fs.mkdirSync(folder, { recursive: true });
  const nginx = await Nginx.start(folder, 'location = /webhooks { return 200 \'{"success":true,"id":"0123456789abcdef"}\'; }');
  return {
    name: 'nginx', port: Number(new URL(nginx.url).port), path: '/webhooks',
    backlog: async () => 0, stop: () => nginx.stop(),
  };
}

function program(file, args, env = {}) {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  child.log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => { child.log = (child.log + chunk).slice(-8192); });
  child.on('error', (error) => { child.log += String(error); });
  child.end = async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended.catch(() => {});
      clearTimeout(timer);
    }
  };
  return child;
}

// One command in, its reply out; enough of Redis' protocol for what is asked here.
function redisCall(port, ...words) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk;
      const reply = readReply(text, 0);
      if (reply) { socket.destroy(); resolve(reply.value); }
    });
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`);
  });
}

function readReply(text, at) {
  const end = text.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const line = text.slice(at + 1, end);
  switch (text[at]) {
    case '+': return { value: line, next: end + 2 };
    case '-': throw new Error(line);
    case ':': return { value: Number(line), next: end + 2 };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, next: end + 2 };
      return text.length < end + 4 + length ? undefined : { value: text.slice(end + 2, end + 2 + length), next: end + 4 + length };
    }
    default: {
      const value = [];
      let next = end + 2;
      for (let i = 0; i < Number(line); ++i) {
        const element = readReply(text, next);
        if (!element) return undefined;
        value.push(element.value);
        next = element.next;
      }
      return { value, next };
    }
  }
}

// Redis with an append-only file that is flushed once a second (BullMQ's usual advice): up to a second of acknowledged
// events is lost when the machine stops. Tomada's are on disk before the answer; the comparison favours this one.
export async function expressPeer(folder, { appendfsync = 'everysec', script = path.join(here, 'webhook_express.mjs') } = {}) {
  fs.mkdirSync(folder, { recursive: true });
  const redis_port = await freePort();
  const redis = program('redis-server', ['--port', redis_port, '--bind', '127.0.0.1', '--dir', folder, '--save', '',
    '--appendonly', 'yes', '--appendfsync', appendfsync].map(String));
  const children = [redis];
  const stop = async () => { for (const child of children.reverse()) await child.end(); };
  try {
    await until('Redis to answer', () => redisCall(redis_port, 'PING').catch(() => undefined), { seconds: 10 });
    const port = await freePort();
    const env = { PORT: String(port), REDIS_PORT: String(redis_port), WEBHOOK_SECRET: SECRET, NODE_ENV: 'production' };
    const receiver = program(process.execPath, [script, 'receiver'], env);
    children.push(receiver, program(process.execPath, [script, 'worker'], env));
    await until('Express to answer', async () => {
      if (receiver.exitCode !== null) throw new Error(`the Express receiver ended: ${receiver.log}`);
      return (await request(`http://127.0.0.1:${port}/alive`).catch(() => undefined))?.status === 200 ? true : undefined;
    }, { seconds: 30 });
    const count = (kind, command) => redisCall(redis_port, command, `bull:events:${kind}`);
    return {
      name: 'express', port, path: '/webhooks', stop,
      backlog: async () => await count('wait', 'LLEN') + await count('active', 'LLEN') + await count('prioritized', 'ZCARD'),
      // How many of the events are done and have left their record.
      check: async (ids) => {
        let missing = 0;
        for (let i = 0; i < ids.length; i += PAGE) {
          const part = ids.slice(i, i + PAGE);
          const done = await redisCall(redis_port, 'ZMSCORE', 'bull:events:completed', ...part);
          missing += done.filter((score) => score === null).length;
          const records = await redisCall(redis_port, 'EXISTS', ...part.map((id) => `record:customer:${id.replace('evt_', 'cus_')}`));
          missing += part.length - records;
        }
        return { missing, doubled: 0 };
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function expectStatus(answer, status, what) {
  const { status: got, body } = await answer;
  if (got !== status) throw new Error(`${what}: ${got} ${JSON.stringify(body)}`);
  return body;
}

// The release build with the plugin stripe, on the real disk.
export async function tomadaPeer(folder, env = {}) {
  fs.mkdirSync(folder, { recursive: true });
  const host = await Host.start({ data_dir: folder, env });
  try {
    await host.cliOk('tenant', 'create', 'bench');
    await host.cliOk('plugin', 'allow', 'stripe', '--tenant', 'bench', '--yes');
    const key = await host.cliOk('key', 'create', '--tenant', 'bench', '--role', 'admin');
    const { id } = await expectStatus(host.api('POST', '/v1/integrations', { key, body: {
      provider: 'stripe', name: 'bench', config: {}, credentials: { api_key: 'sk_test_bench', webhook_secret: SECRET },
    } }), 201, 'the integration');

    const pages = async function* (what, field) {
      for (let cursor = ''; cursor !== undefined;) {
        const page = await expectStatus(host.api('GET',
          `/v1/integrations/${id}/${what}limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { key }), 200, what);
        yield page[field];
        cursor = page[field].length > 0 && page.next_cursor ? page.next_cursor : undefined;
      }
    };
    const count = (ids, id_of) => { const at = id_of; ids.set(at, (ids.get(at) ?? 0) + 1); };
    return {
      name: 'tomada', port: host.port, path: `/webhooks/${id}`, host, stop: () => host.close(),
      backlog: async () => {
        for (const status of ['pending', 'processing']) {
          const { logs } = await expectStatus(
            host.api('GET', `/v1/integrations/${id}/webhooks/logs?status=${status}&limit=1`, { key }), 200, 'the log');
          if (logs.length > 0) return 1;
        }
        return 0;
      },
      check: async (ids) => {
        const stored = new Map();
        for await (const logs of pages('webhooks/logs?status=completed&', 'logs'))
          for (const log of logs) count(stored, log.event_id);
        const records = new Map();
        for await (const page of pages('records?', 'records'))
          for (const record of page) count(records, `${record.external_id}#${record.version}`);
        let missing = 0, doubled = 0;
        for (const event of ids) {
          if (!stored.has(event)) ++missing;
          else if (stored.get(event) > 1) ++doubled;
          if (!records.has(`${event.replace('evt_', 'cus_')}#1`)) ++missing;
        }
        return { missing, doubled, stored: stored.size, records: records.size };
      },
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}
