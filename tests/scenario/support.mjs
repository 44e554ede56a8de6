// What the stories share: the real host with a tenant on it, and a provider whose answers the story writes.
import { once } from 'node:events';
import http from 'node:http';

import { Host } from '../support/host.mjs';

export * from '../support/host.mjs';

// The API that the example plugin talks to: GET /items?cursor=&updated_since= with a bearer token, in pages.
//   provider.items      id -> { id, name, updated_at }
//   provider.when = (request, index) => undefined | { status, headers, body } | 'hang up' | 'silence' | a promise of one
// `index` counts the requests from 0; undefined lets the provider answer as usual.
export class FakeProvider {
  static async start({ count = 0, page_size = 50, token = 'right-token' } = {}) {
    const provider = new FakeProvider(page_size, token);
    for (let i = 0; i < count; ++i) provider.set(`item-${String(i).padStart(5, '0')}`, `Item ${i}`);
    provider.server.listen(0, '127.0.0.1');
    await once(provider.server, 'listening');
    provider.port = provider.server.address().port;
    provider.address = `127.0.0.1:${provider.port}`;
    provider.url = `http://${provider.address}`;
    return provider;
  }

  constructor(page_size, token) {
    this.page_size = page_size;
    this.token = token;
    this.items = new Map();
    this.requests = [];
    this.when = () => undefined;
    this.time = Date.UTC(2026, 0, 1);
    this.server = http.createServer((request, response) => void this.answer(request, response));
  }

  // Adds or changes an item; each change is later than the one before.
  set(id, name) {
    this.time += 1000;
    this.items.set(id, { id, name, updated_at: new Date(this.time).toISOString() });
  }

  remove(id) {
    this.items.delete(id);
  }

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    const index = this.requests.length;
    const seen = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers };
    this.requests.push(seen);
    const special = await this.when(seen, index);
    if (special === 'hang up') return request.socket.destroy();
    if (special === 'silence') return undefined;
    const { status, headers = {}, body } = special ?? this.page(seen);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    return response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  page({ path, query, headers }) {
    if (headers.authorization !== `Bearer ${this.token}`) return { status: 401, body: { error: 'wrong token' } };
    if (path !== '/items') return { status: 404, body: { error: 'no such path' } };
    const since = query.get('updated_since') ?? '';
    const cursor = query.get('cursor') ?? '';
    const matching = [...this.items.values()].filter(({ id, updated_at }) => updated_at >= since && id > cursor);
    matching.sort((a, b) => (a.id < b.id ? -1 : 1));
    const items = matching.slice(0, this.page_size);
    return { status: 200, body: { items, next: matching.length > items.length ? items.at(-1).id : null } };
  }

  async stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

// A running host with the tenant `acme` that may use the example plugin, all closed at the test's end.
export async function acme(t, { provider, env = {}, ...options } = {}) {
  const allowed = provider ? { TOMADA_HTTP_ALLOW_PRIVATE: provider.address } : {};
  const host = await Host.start({ env: { ...allowed, ...env }, ...options });
  t.after(() => host.close());
  const key = await tenant(host, 'acme');
  return { host, key };
}

// A tenant that may use `plugins`, and its admin key.
export async function tenant(host, name, plugins = ['example']) {
  await host.cliOk('tenant', 'create', name);
  for (const plugin of plugins) await host.cliOk('plugin', 'allow', plugin, '--tenant', name, '--yes');
  return host.cliOk('key', 'create', '--tenant', name, '--role', 'admin');
}

// Connects the example plugin to a fake provider: the integration's id.
export async function connect(host, key, provider, { config = {}, credentials = {} } = {}) {
  const body = {
    provider: 'example', name: 'the example',
    config: { base_url: provider.url, ...config }, credentials: { token: provider.token, ...credentials },
  };
  const answer = await host.api('POST', '/v1/integrations', { key, body });
  if (answer.status !== 201) throw new Error(`create: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.id;
}

export async function startSync(host, key, integration, mode = 'full') {
  const answer = await host.api('POST', `/v1/integrations/${integration}/sync`, { key, body: { mode } });
  if (answer.status !== 202) throw new Error(`sync: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.sync_id;
}

// The newest line of the sync log.
export async function lastSync(host, key, integration) {
  const { body } = await host.api('GET', `/v1/integrations/${integration}/sync/logs`, { key });
  return body.logs[0];
}

// A promise that is kept from outside.
export function signal() {
  let raise;
  const raised = new Promise((resolve) => { raise = resolve; });
  return { raise, raised };
}

// The promise, or an error when it takes too long.
export function within(promise, what, seconds = 60) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${seconds} s in vain for ${what}`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Small and seeded, so that a failure can be played again (mulberry32).
export function seeded(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
