// The real program in a child process: started on a free port and a folder of its own, spoken to by its REST interface
// and its command line. Used by the scenarios and by the demo.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { suiteDatabase } from './postgres.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const program = process.env.TOMADA_BIN ?? path.join(root, 'build/dev/bin/tomada');
export const plugins = process.env.TOMADA_PLUGINS ?? path.resolve(path.dirname(program), '../plugins');

// Sanitizer builds are slow; every bound below is a limit, not a wait.
const SECONDS_TO_START = 60;
const SECONDS_TO_STOP = 60;
const LOG_BYTES_MAX = 256 * 1024;

export function temporaryFolder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'tomada-'));
}

// A port that was free a moment ago; `wanted` when that one is free.
export async function freePort(wanted = 0) {
  const server = net.createServer();
  try {
    server.listen(wanted, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// Asks `probe` again and again until it returns something other than undefined.
export async function until(what, probe, { seconds = 60, every_ms = 20 } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  }
}

export class Host {
  // Options: data_dir, port, plugin_dir, args (more arguments of serve), env (more variables).
  // Fails with what the program wrote when it ends instead of starting.
  static async start(options = {}) {
    const host = new Host(options);
    await host.launch();
    return host;
  }

  constructor({ data_dir, port, plugin_dir = plugins, args = [], env = {} } = {}) {
    this.owns_data_dir = data_dir === undefined;
    this.data_dir = data_dir ?? temporaryFolder();
    this.port = port;
    this.plugin_dir = plugin_dir;
    this.args = args;
    // Only what is named here: the settings of whoever runs the tests stay outside.
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('TOMADA_'));
    this.env = { ...Object.fromEntries(outside), TOMADA_DATA_DIR: this.data_dir, TOMADA_PLUGIN_DIR: plugin_dir, ...env };
    const database = suiteDatabase(this.data_dir);
    // A host that shares its store cannot end the leases of one that was killed: it waits for their end.
    if (database) this.env = { TOMADA_STORE: database, TOMADA_JOBS_LEASE_MS: '2000', ...this.env };
    this.log = '';
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  // Starts the program (again, after a kill or a stop) and waits until it answers.
  async launch() {
    this.port ??= await freePort();
    this.child = spawn(program, ['serve', '--listen', `127.0.0.1:${this.port}`, ...this.args],
      { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve({ code: -1, error }));
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.child.exited = false;
    const child = this.child;
    void this.ended.then((end) => Object.assign(child, { exited: true, end }));
    const keep = (chunk) => { this.log = (this.log + chunk).slice(-LOG_BYTES_MAX); };
    this.child.stdout.on('data', keep);
    this.child.stderr.on('data', keep);
    await until('the host to answer', async () => {
      if (this.child.exited) {
        const { code, signal, error } = this.child.end;
        throw new Error(`tomada serve ended with ${error ?? signal ?? code}:\n${this.log.slice(-4000)}`);
      }
      const answer = await this.api('GET', '/health/live').catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    }, { seconds: SECONDS_TO_START });
  }

  // As a power cut: nothing of the program runs afterwards.
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  // As an operator: SIGTERM, and the exit code.
  async stop(signal = 'SIGTERM') {
    if (!this.child || this.child.exited) return this.child?.end?.code;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), SECONDS_TO_STOP * 1000);
    const end = await this.ended;
    clearTimeout(timer);
    if (end.signal === 'SIGKILL') throw new Error(`the host did not stop in ${SECONDS_TO_STOP} s:\n${this.log.slice(-4000)}`);
    return end.code;
  }

  // At a test's end. A host that a sanitizer or an assertion ended is a failure, whatever the test saw.
  async close() {
    const code = await this.stop();
    if (this.owns_data_dir) fs.rmSync(this.data_dir, { recursive: true, force: true });
    if (code !== 0 && code !== undefined && code !== null) throw new Error(`the host ended with ${code}:\n${this.log.slice(-4000)}`);
  }

  // { status, headers, body } with `body` parsed when it is JSON. `body` may be an object, or text as it is.
  api(method, target, { key, body, headers = {} } = {}) {
    return request(`${this.url}${target}`, { method, key, body, headers });
  }

  // Runs `tomada ARGUMENTS` on this data directory: { code, out, err }.
  cli(...args) {
    return run(args, this.env);
  }

  // The same, and the trimmed output; an error when it fails.
  async cliOk(...args) {
    const { code, out, err } = await this.cli(...args);
    if (code !== 0) throw new Error(`tomada ${args.join(' ')} ended with ${code}: ${err}${out}`);
    return out.trim();
  }
}

export function run(args, env = process.env) {
  return new Promise((resolve) => {
    execFile(program, args, { env, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 }, (error, out, err) =>
      resolve({ code: error ? error.code ?? -1 : 0, signal: error?.signal, out, err }));
  });
}

export function request(url, { method = 'GET', key, body, headers = {} } = {}) {
  const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const sent = { ...headers };
  if (key) sent.authorization = `Bearer ${key}`;
  if (text !== undefined) {
    sent['content-type'] ??= 'application/json';
    sent['content-length'] = Buffer.byteLength(text);
  }
  return new Promise((resolve, reject) => {
    let answered = false;
    const outgoing = http.request(url, { method, headers: sent, agent: false, timeout: 60_000 }, (response) => {
      answered = true;
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const raw = Buffer.concat(chunks).toString();
        let parsed = raw;
        if (/json/.test(response.headers['content-type'] ?? '')) {
          try { parsed = JSON.parse(raw); } catch (error) { reject(error); }
        }
        resolve({ status: response.statusCode, headers: response.headers, body: parsed });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${url}`)));
    // A server that refuses a body may answer and close while it is still being sent.
    outgoing.on('error', (error) => { if (!answered) reject(error); });
    outgoing.end(text);
  });
}

// All records of an integration in change order, and the pages' boundaries hidden.
export async function allRecords(host, key, integration, { limit = 1000 } = {}) {
  const records = [];
  let cursor = '';
  do {
    const { status, body } = await host.api('GET',
      `/v1/integrations/${integration}/records?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { key });
    if (status !== 200) throw new Error(`records: ${status} ${JSON.stringify(body)}`);
    records.push(...body.records);
    cursor = body.records.length > 0 && body.next_cursor ? body.next_cursor : '';
  } while (cursor);
  return records;
}

// Waits until the integration's newest sync has ended: its line as in the log. `watch` sees each status on the way.
export async function syncEnd(host, key, integration, { seconds = 120, watch = () => {} } = {}) {
  return until(`the sync of ${integration}`, async () => {
    const { status, body } = await host.api('GET', `/v1/integrations/${integration}/sync/status`, { key });
    if (status !== 200) throw new Error(`status: ${status} ${JSON.stringify(body)}`);
    watch(body);
    return ['completed', 'failed', 'partial'].includes(body.sync?.status) ? body.sync : undefined;
  }, { seconds });
}
