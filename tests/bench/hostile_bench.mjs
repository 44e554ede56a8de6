// What a bad plugin costs the others: calls of the example plugin at 30% of what the host can do, in alternating windows of
// quiet and of attack; each window's delays, the host's memory and descriptors before and after.
// Alone: hostile_bench.mjs [SECONDS [WORD...]]: `mixed` (the default: all in turns), `each`, or names of attacks.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Host, plugins, program, temporaryFolder, until } from '../support/host.mjs';
import { Nginx } from './nginx.mjs';
import { median } from './sync_bench.mjs';

const hostile_folder = path.resolve(path.dirname(program), '../tests/plugins');
// What a sync of an entity of that name does; `_thread`: in the plugin that has a thread for each call.
export const ATTACKS = ['segv', 'abort', 'overflow', 'exit', 'spin', 'memory', 'fork', 'threads', 'threads_thread', 'close', 'descriptors',
  'garbage', 'signals', 'never'];
const CALLS_AT_ONCE = 32;
const TARGET_LOAD = 0.3;

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

class Calls {
  constructor(host, key, integration) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1000 });
    this.options = {
      host: '127.0.0.1', port: host.port, path: `/v1/integrations/${integration}/test`, method: 'POST', agent: this.agent,
      headers: { authorization: `Bearer ${key}`, 'content-length': 0 },
    };
  }

  // Milliseconds from when the call was due; it fails unless the plugin's own answer comes back good.
  one(due) {
    return new Promise((resolve, reject) => {
      const outgoing = http.request(this.options, (response) => {
        let text = '';
        response.on('data', (chunk) => { text += chunk; });
        response.on('end', () => {
          if (response.statusCode !== 200 || !JSON.parse(text).ok) reject(new Error(`a call failed: ${response.statusCode} ${text}`));
          else resolve(performance.now() - due);
        });
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async capacity(seconds) {
    const end = performance.now() + seconds * 1000;
    let count = 0;
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, async () => {
      for (; performance.now() < end; ++count) await this.one(performance.now());
    }));
    return count / seconds;
  }

  // At a fixed rate, whether or not earlier ones have answered: a stalled host shows in every call that was due.
  async window(seconds, per_second) {
    const running = [];
    const start = performance.now();
    const total = Math.round(seconds * per_second);
    for (let made = 0; made < total;) {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * per_second));
      for (; made < due; ++made) running.push(this.one(start + (made * 1000) / per_second));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const delays = (await Promise.all(running)).sort((a, b) => a - b);
    return { p50_ms: at(delays, 0.5), p99_ms: at(delays, 0.99), max_ms: delays.at(-1), count: delays.length };
  }

  close() {
    this.agent.destroy();
  }
}

// Starts the attack again and again until it is told to stop: the number of syncs that ended.
async function attack(host, key, integrations, words, going) {
  let count = 0;
  while (going.on) {
    const word = words[count % words.length];
    const threads = word.endsWith('_thread');
    const id = threads ? integrations.hostile_thread : integrations.hostile;
    const path_of = (what) => `/v1/integrations/${id}${what}`;
    // It is disabled when it crashed; an attacker's customer enables it again.
    assert.equal((await host.api('PATCH', path_of(''), { key, body: { is_enabled: true } })).status, 200);
    const started = await host.api('POST', path_of('/sync'), { key, body: { type: word.replace('_thread', ''), mode: 'full' } });
    if (started.status !== 202) {  // the last one has not ended yet
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await until('the attack to end', async () => {
      const { body } = await host.api('GET', path_of('/sync/status'), { key });
      return ['completed', 'failed', 'partial'].includes(body.sync?.status) || !going.on ? true : undefined;
    }, { every_ms: 50 });
    count += 1;
  }
  return count;
}

const descriptors = (host) => fs.readdirSync(`/proc/${host.child.pid}/fd`).length;
const rss_mib = (host) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${host.child.pid}/status`, 'utf8'))[1]) / 1024;
const workers = async (host) => [...(await host.api('GET', '/metrics')).body.matchAll(/plugin_workers\{plugin="hostile[^"]*"\} (\d+)/g)]
  .reduce((sum, [, count]) => sum + Number(count), 0);

// `words`: those of one story, in turns within each attack window.
async function story(calls, host, key, integrations, words, { windows, seconds, per_second, on_window }) {
  const before = { descriptors: descriptors(host), rss_mib: rss_mib(host) };
  const quiet = [];
  const attacked = [];
  let attacks = 0;
  for (let i = 0; i < windows; ++i) {
    quiet.push(await calls.window(seconds, per_second));
    on_window(words, 'quiet', quiet.at(-1));
    const going = { on: true };
    const enemy = attack(host, key, integrations, words, going);
    attacked.push(await calls.window(seconds, per_second));
    going.on = false;
    attacks += await enemy;
    on_window(words, 'attack', attacked.at(-1));
  }
  await until('the workers of the bad plugins to end', async () => ((await workers(host)) === 0 ? true : undefined));
  const ratio = (name) => median(attacked.map((one) => one[name])) / median(quiet.map((one) => one[name]));
  return {
    words, attacks, calls: [...quiet, ...attacked].reduce((sum, { count }) => sum + count, 0),
    quiet: { p50_ms: median(quiet.map((one) => one.p50_ms)), p99_ms: median(quiet.map((one) => one.p99_ms)) },
    attacked: { p50_ms: median(attacked.map((one) => one.p50_ms)), p99_ms: median(attacked.map((one) => one.p99_ms)) },
    p50_ratio: ratio('p50_ms'), p99_ratio: ratio('p99_ms'),
    before, after: { descriptors: descriptors(host), rss_mib: rss_mib(host) },
  };
}

export async function hostileBench({ windows = 5, seconds = 10, stories = [ATTACKS], on_window = () => {} } = {}) {
  const folder = temporaryFolder();
  const nginx = await Nginx.start(folder, 'location = /items { return 200 \'{"items":[],"next":null}\'; }');
  const plugin_dir = path.join(folder, 'plugins');
  fs.mkdirSync(plugin_dir);
  for (const file of [path.join(plugins, 'example.so'), ...['hostile', 'hostile_thread'].map((name) => path.join(hostile_folder, name, `${name}.so`))]) {
    fs.copyFileSync(file, path.join(plugin_dir, path.basename(file)));
    fs.chmodSync(path.join(plugin_dir, path.basename(file)), 0o644);
  }
  const host = await Host.start({
    plugin_dir,
    env: {
      TOMADA_HTTP_ALLOW_PRIVATE: new URL(nginx.url).host, TOMADA_SYNC_CALL_TIMEOUT_SECONDS: '1', TOMADA_PLUGINS_WORKER_IDLE_SECONDS: '1',
      TOMADA_PLUGINS_WORKER_MEMORY_BYTES_MAX: String(64 * 2 ** 20), TOMADA_LOG_LEVEL: 'error',
    },
  });
  try {
    await host.cliOk('tenant', 'create', 'acme');
    const key = await host.cliOk('key', 'create', '--tenant', 'acme', '--role', 'admin');
    const integrations = {};
    for (const provider of ['example', 'hostile', 'hostile_thread']) {
      const id = provider.replace('_', '-');
      await host.cliOk('plugin', 'allow', id, '--tenant', 'acme', '--yes');
      const config = provider === 'example' ? { base_url: nginx.url } : {};
      const credentials = provider === 'example' ? { token: 'right-token' } : {};
      const answer = await host.api('POST', '/v1/integrations', { key, body: { provider: id, name: provider, config, credentials } });
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      integrations[provider] = answer.body.id;
    }
    const calls = new Calls(host, key, integrations.example);
    await calls.capacity(2);
    const capacity = await calls.capacity(5);
    const per_second = TARGET_LOAD * capacity;
    await calls.window(3, per_second);
    // Once before anything is compared: the first attack leaves what stays (arenas, log buffers).
    const going = { on: true };
    const enemy = attack(host, key, integrations, ['segv'], going);
    await calls.window(3, per_second);
    going.on = false;
    await enemy;
    const results = [];
    for (const words of stories) results.push(await story(calls, host, key, integrations, words, { windows, seconds, per_second, on_window }));
    calls.close();
    return { capacity_per_second: capacity, per_second, results };
  } finally {
    await host.close();
    await nginx.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [seconds = '10', ...words] = process.argv.slice(2);
  const stories = words.length === 0 || words[0] === 'mixed' ? [ATTACKS] : words[0] === 'each' ? ATTACKS.map((word) => [word]) : words.map((word) => [word]);
  const on_window = (all, kind, { p50_ms, p99_ms, max_ms }) =>
    process.stderr.write(`${(all.length > 1 ? 'mixed' : all[0]).padEnd(16)} ${kind.padEnd(7)} p50 ${p50_ms.toFixed(2)} p99 ${p99_ms.toFixed(2)} max ${max_ms.toFixed(1)} ms\n`);
  console.log(JSON.stringify(await hostileBench({ seconds: Number(seconds), stories, on_window }), null, 1));
}
