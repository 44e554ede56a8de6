// A full sync of static pages by the real host into its store, against raw_insert: the same rows into the same tables
// and indexes, and nothing else. In turns, each on a file of its own.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Host, syncEnd, temporaryFolder } from '../support/host.mjs';
import { Nginx } from './nginx.mjs';

const PAGE_ROWS = 1000;
const TABLES = ['records', 'record_keys'];
const raw_insert = promisify(execFile);

// Some 200 bytes, all of which the example plugin keeps.
function item(number) {
  return {
    id: `item-${String(number).padStart(8, '0')}`,
    name: `Item ${number} of the benchmark, on shelf ${number % 97}, with a name that is as long as what a record of a real provider holds`,
    updated_at: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
  };
}

function writePages(folder, pages) {
  fs.mkdirSync(folder, { recursive: true });
  for (let page = 1; page <= pages; ++page) {
    const items = Array.from({ length: PAGE_ROWS }, (_, i) => item((page - 1) * PAGE_ROWS + i + 1));
    fs.writeFileSync(path.join(folder, `${page}.json`),
      JSON.stringify({ items, next: page < pages ? String(page + 1) : null }));
  }
}

async function expectStatus(answer, status, what) {
  const { status: got, body } = await answer;
  if (got !== status) throw new Error(`${what}: ${got} ${JSON.stringify(body)}`);
  return body;
}

// Seconds of CPU of each thread of a process, by name.
function threadSeconds(pid) {
  const seconds = {};
  for (const task of fs.readdirSync(`/proc/${pid}/task`)) {
    const stat = fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    seconds[task] = (Number(fields[11]) + Number(fields[12])) / 100;
  }
  return seconds;
}

async function oneSync(host, key, integration) {
  const before = threadSeconds(host.child.pid);
  await expectStatus(host.api('POST', `/v1/integrations/${integration}/sync`, { key, body: { type: 'item', mode: 'full' } }),
    202, 'sync');
  const end = await syncEnd(host, key, integration, { seconds: 300 });
  if (end.status !== 'completed') throw new Error(`the sync ended ${end.status}: ${host.log}`);
  const logs = await expectStatus(host.api('GET', `/v1/integrations/${integration}/sync/logs`, { key }), 200, 'logs');
  const log = logs.logs?.[0] ?? logs.syncs?.[0] ?? Object.values(logs)[0][0];
  const busy = Object.entries(threadSeconds(host.child.pid)).map(([task, seconds]) => seconds - (before[task] ?? 0))
    .filter((seconds) => seconds > 0.02).sort((a, b) => b - a);
  return { seconds: (Date.parse(log.completed_at) - Date.parse(log.started_at)) / 1000, thread_seconds: busy };
}

// `raw(host)`: { rows, rows_per_second } of the yardstick, after the host has ended.
async function syncRound(url, rows, plugin_dir, env, raw_round) {
  const host = await Host.start({ plugin_dir, env: { ...env, TOMADA_HTTP_ALLOW_PRIVATE: '127.0.0.1' } });
  try {
    await host.cliOk('tenant', 'create', 'bench');
    const key = await host.cliOk('key', 'create', '--tenant', 'bench', '--role', 'admin');
    await host.cliOk('plugin', 'allow', 'example', '--tenant', 'bench', '--yes');
    const { id } = await expectStatus(host.api('POST', '/v1/integrations',
      { key, body: { provider: 'example', name: 'bench', config: { base_url: url }, credentials: { token: 'bench-token' } } }),
    201, 'the integration');
    const first = await oneSync(host, key, id);
    const again = await oneSync(host, key, id);
    await host.stop();
    const raw = await raw_round(host);
    if (raw.rows !== rows) throw new Error(`${raw.rows} rows were synced, not ${rows}`);
    return { sync: rows / first.seconds, again: rows / again.seconds, raw: raw.rows_per_second,
      thread_seconds: first.thread_seconds };
  } finally {
    await host.close();
  }
}

async function rawRound({ data_dir }) {
  const database = path.join(data_dir, fs.readdirSync(data_dir).find((name) => name.endsWith('.db')));
  const program = path.join(path.dirname(process.env.TOMADA_BIN), 'raw_insert');
  const folder = temporaryFolder();
  try {
    const { stdout } = await raw_insert(program,
      [database, path.join(folder, 'raw.db'), String(PAGE_ROWS), ...TABLES]);
    return JSON.parse(stdout);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// `env` names another store, a new one for each round; `raw_round` is then its yardstick.
export async function syncBench({ rounds = 5, pages = 200, plugin_dir, env = () => ({}), raw_round = rawRound } = {}) {
  const folder = temporaryFolder();
  let nginx;
  try {
    writePages(path.join(folder, 'www/pages'), pages);
    nginx = await Nginx.start(folder, 'location = /items { try_files /pages/$page.json =404; }');
    const results = [];
    for (let i = 0; i < rounds; ++i) results.push(await syncRound(nginx.url, pages * PAGE_ROWS, plugin_dir, env(), raw_round));
    return {
      rows: pages * PAGE_ROWS,
      rounds,
      sync_rows_per_second: median(results.map((r) => r.sync)),
      again_rows_per_second: median(results.map((r) => r.again)),
      raw_rows_per_second: median(results.map((r) => r.raw)),
      ratio: median(results.map((r) => r.sync / r.raw)),
      ratio_min: Math.min(...results.map((r) => r.sync / r.raw)),
      ratio_max: Math.max(...results.map((r) => r.sync / r.raw)),
      thread_seconds: results.at(-1).thread_seconds,
    };
  } finally {
    await nginx?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.env.TOMADA_BIN) throw new Error('say which program with TOMADA_BIN (build/release/bin/tomada)');
  console.log(JSON.stringify(await syncBench({ rounds: Number(process.argv[2] ?? 5), pages: Number(process.argv[3] ?? 200) })));
}
