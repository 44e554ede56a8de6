// Runs every benchmark (or those named), prints one table; with --write puts it into README.md. Numbers are medians;
// each ratio compares two things that were measured in turns in the same run.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { program, temporaryFolder } from '../support/host.mjs';
import { hostileBench } from './hostile_bench.mjs';
import { Nginx } from './nginx.mjs';
import { postgresBench } from './postgres_bench.mjs';
import { syncBench } from './sync_bench.mjs';
import { webhookBench } from './webhook_bench.mjs';

const exec = promisify(execFile);
const bin = path.dirname(program);
const here = path.dirname(fileURLToPath(import.meta.url));
const rows = [];
let missed = 0;
const load_at_start = os.loadavg()[0];

const round = (value, digits = 0) => value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });

// `met`: undefined when there is no target.
function row(what, measured, yardstick, ratio, target = '', met = undefined, range = undefined) {
  if (met === false) ++missed;
  const mark = met === undefined ? '' : met ? ' ✓' : ' **missed**';
  rows.push([what, measured, yardstick, ratio === undefined ? '' : round(ratio, 2) + (range ? ` (${range.map((r) => round(r, 2)).join('–')})` : ''), `${target}${mark}`]);
}

async function run(name, ...args) {
  const { stdout } = await exec(path.join(bin, name), args.map(String), { maxBuffer: 16 * 1024 * 1024 });
  return JSON.parse(stdout);
}

const benches = {
  async calls() {
    const { benchmarks } = await run('call_path_bench', '--benchmark_format=json', '--benchmark_repetitions=9',
      '--benchmark_enable_random_interleaving=true', '--benchmark_min_time=0.2', '--benchmark_report_aggregates_only=true');
    // CPU time: one thread that never waits, and another program on the machine counts less.
    const ns = Object.fromEntries(benchmarks.filter((b) => b.aggregate_name === 'median').map((b) => [b.run_name, b.cpu_time]));
    const versus = (what, name, yardstick, words, target) =>
      row(what, `${round(ns[name])} ns`, `${words} ${round(ns[yardstick], yardstick === 'direct_c_call' ? 1 : 0)} ns`,
        ns[name] / ns[yardstick], target ? `< ${target} ns` : '', target ? ns[name] < target : undefined);
    versus('plugin call on a coroutine, end to end', 'coroutine_call', 'direct_c_call', 'direct C call', 300);
    versus('the same', 'coroutine_call', 'bare_coroutine', 'empty asio::spawn');
    versus('plugin call, posted to its loop', 'coroutine_call_posted', 'bare_coroutine', 'empty asio::spawn');
    versus('suspending service call, one call alone', 'suspending_service_call/1', 'bare_suspension/1', 'asio post and resume', 300);
    versus('suspending service call, 64 calls at once', 'suspending_service_call/64', 'bare_suspension/64', 'asio post and resume');
  },

  async limits() {
    const { benchmarks } = await run('limit_bench', '--benchmark_format=json', '--benchmark_repetitions=9',
      '--benchmark_enable_random_interleaving=true', '--benchmark_min_time=0.2', '--benchmark_report_aggregates_only=true');
    const ns = Object.fromEntries(benchmarks.filter((b) => b.aggregate_name === 'median').map((b) => [b.run_name, b.cpu_time]));
    const versus = (what, name, target) => row(what, `${round(ns[name])} ns`, `clock and mutex ${round(ns.clock_and_mutex)} ns`,
      ns[name] / ns.clock_and_mutex, target ? `< ${target} ns` : '', target ? ns[name] < target : undefined);
    versus('limits: a decision, four windows', 'decision_alone_four_windows', 200);
    versus('— and its settlement', 'decision_four_windows');
    versus('— the same, one window', 'decision_one_window');
  },

  async memory() {
    for (const services of ['clock', 'host']) {
      for (const [count, target] of [[10_000, 120], [50_000, 500]]) {
        const m = await run('waiting_calls', count, services);
        row(`${round(count)} calls waiting, ${services === 'host' ? 'with all host services' : 'runtime and abi alone'}`,
          `${round(m.rss_mib)} MiB RSS`, `process before: ${round(m.rss_mib - m.rss_added_mib)} MiB`, undefined,
          `< ${target} MiB`, m.rss_mib < target);
        row('— each', `${round(m.stack_kib_each + m.heap_kib_each, 1)} KiB`,
          `stack ${round(m.stack_kib_each, 1)} + heap ${round(m.heap_kib_each, 1)} KiB; page tables ${round(m.page_tables_mib)} MiB in all; ${round(m.calls_per_second / 1000)} k calls/s made`);
      }
    }
  },

  async http() {
    const folder = temporaryFolder();
    const nginx = await Nginx.start(folder, 'location = /small { return 200 \'{"id":"1","name":"a small answer"}\'; }');
    try {
      const m = await run('http_bench', nginx.url, 61, 6_400, 64);
      row('http call of a plugin, CPU of the client', `${round(m.plugin_cpu_us, 1)} us`, `bare libcurl ${round(m.bare_cpu_us, 1)} us`,
        m.ratio, '≤ 1.15', m.ratio <= 1.15, [m.ratio_min, m.ratio_max]);
      row('— requests/s, 64 at once', round(m.plugin_requests_per_second), `bare libcurl ${round(m.bare_requests_per_second)}`,
        m.plugin_requests_per_second / m.bare_requests_per_second);
    } finally {
      await nginx.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  },

  async worker() {
    const m = await run('worker_bench', 9);
    const range = ({ min, max }) => [min, max];
    row('plugin call in a worker, one after the other', `${round(1e6 / m.calls_there.median, 1)} us`, `in the host's process ${round(1e6 / m.calls_here.median, 2)} us`,
      m.calls_here.median / m.calls_there.median);
    row('service calls/s through one worker, 64 calls at once', round(m.services_64.median), `Asio echo over a socketpair, 64 messages at once: ${round(m.echo_64.median)}`,
      m.ratio_64.median, '≥ 0.5', m.ratio_64.median >= 0.5, range(m.ratio_64));
    row('— 8 at once', round(m.services_8.median), `echo ${round(m.echo_8.median)}`, m.ratio_8.median, '', undefined, range(m.ratio_8));
    row('— one alone, its round trip', `${round(1e6 / m.services_1.median, 1)} us`, `echo ${round(1e6 / m.echo_1.median, 1)} us`, 1 / m.ratio_1.median, '≤ 1.3',
      1 / m.ratio_1.median <= 1.3, [1 / m.ratio_1.max, 1 / m.ratio_1.min]);
    row('a worker from its start to ready', `${round(m.start_ms.median, 1)} ms`, `${round(m.start_ms.min, 1)} to ${round(m.start_ms.max, 1)} ms`, undefined, '< 5 ms', m.start_ms.median < 5);
    row('private memory of an idle worker', `${round(m.private_kib / 1024, 2)} MiB`, '', undefined, '< 3 MiB', m.private_kib < 3 * 1024);
  },

  async hostile() {
    const { capacity_per_second, per_second, results } = await hostileBench();
    for (const { attacks, calls, quiet, attacked, p50_ratio, p99_ratio, before, after } of results) {
      row(`calls of a good plugin, ${round(per_second)}/s (30% of ${round(capacity_per_second)}), beside ${round(attacks)} attacks: median`,
        `${round(attacked.p50_ms, 2)} ms`, `quiet ${round(quiet.p50_ms, 2)} ms`, p50_ratio, '≤ 1.25', p50_ratio <= 1.25);
      row('— p99', `${round(attacked.p99_ms, 2)} ms`, `quiet ${round(quiet.p99_ms, 2)} ms`, p99_ratio, '≤ 3', p99_ratio <= 3);
      row('— calls that failed', `0 of ${round(calls)}`, `host: ${round(before.rss_mib)} MiB and ${before.descriptors} descriptors before, ${round(after.rss_mib)} and ${after.descriptors} after`);
    }
  },

  async sync() {
    const inside = await syncBench({ rounds: 5 });
    row(`full sync of ${round(inside.rows)} new records by a plugin in a worker, rows/s`, round(inside.sync_rows_per_second),
      `raw insert ${round(inside.raw_rows_per_second)}`, inside.ratio, '≥ 0.4', inside.ratio >= 0.4, [inside.ratio_min, inside.ratio_max]);
    const m = await syncBench({ rounds: 7, env: () => ({ TOMADA_PLUGINS_ISOLATION: 'in_process' }) });
    row(`full sync of ${round(m.rows)} new records by a plugin in the host's process, rows/s`, round(m.sync_rows_per_second), `raw insert ${round(m.raw_rows_per_second)}`,
      m.ratio, '≥ 0.4', m.ratio >= 0.4, [m.ratio_min, m.ratio_max]);
    row('— again, nothing changed', round(m.again_rows_per_second), `raw insert ${round(m.raw_rows_per_second)}`,
      m.again_rows_per_second / m.raw_rows_per_second);
    row('— CPU of the host\'s threads', m.thread_seconds.map((s) => `${round(s, 2)} s`).join(' + '), `sync took ${round(m.rows / m.sync_rows_per_second, 2)} s`);
  },

  async webhook() {
    const { summary, proof, to_nginx, to_express, processed_per_second } = await webhookBench();
    const ms = ({ p50_us, p95_us, p99_us }) => `${[p50_us, p95_us, p99_us].map((us) => round(us / 1000, 2)).join(' / ')} ms`;
    const { nginx, tomada, express } = summary;
    row('webhooks in, events/s: verified, deduplicated, on disk', round(tomada.per_second), `nginx, fixed 200: ${round(nginx.per_second)}`,
      to_nginx.median, '≥ 0.35', to_nginx.median >= 0.35, [to_nginx.min, to_nginx.max]);
    row('— the same', round(tomada.per_second), `Express + BullMQ + Redis: ${round(express.per_second)}`,
      to_express.median, '≥ 8', to_express.median >= 8, [to_express.min, to_express.max]);
    row('— p50 / p95 / p99', ms(tomada), `nginx ${ms(nginx)}; Express ${ms(express)}`);
    row('— processed, events/s, from the first one in to the last one done', round(processed_per_second), '');
    for (const [name, { acknowledged, missing, doubled }] of Object.entries(proof))
      row(`— acknowledged by ${name}, looked for by id`, `${round(acknowledged)} events`,
        `${round(missing)} missing, ${round(doubled)} doubled`, undefined, 'none', missing === 0 && doubled === 0);
  },

  async postgres() {
    const m = await postgresBench();
    const versus = (what, part, target) =>
      row(what, round(part.per_second), `bare unnest insert ${round(part.bare_per_second)}`, part.ratio, target ? `≥ ${target}` : '',
        target ? part.ratio >= target : undefined, [part.ratio_min, part.ratio_max]);
    versus('PostgreSQL: webhooks in through the host, events/s', m.host_webhooks, 0.5);
    row('— processed, events/s, from the first one in to the last one done', round(m.host_webhooks.processed_per_second), '');
    versus('— the store alone, 64 senders', m.webhooks);
    versus('PostgreSQL: full sync through the host, rows/s', m.host_sync, 0.4);
    versus('— the store alone, pages of 1,000', m.records);
    row('PostgreSQL: jobs/s with 1,000 waiting', round(m.jobs.per_second_with_1000), `with 1,000,000: ${round(m.jobs.per_second_with_1000000)}`,
      m.jobs.ratio, '≤ 1.3', m.jobs.ratio <= 1.3, [m.jobs.ratio_min, m.jobs.ratio_max]);
  },

  async webhook_accept() {
    const folder = temporaryFolder();
    try {
      const m = await run('webhook_accept_bench', folder, 150_000, 64);
      row('webhooks of 1 KiB stored, events/s', round(m.events_per_second), `bare insert ${round(m.bare_rows_per_second)}`, m.ratio);
      row('— events in a commit', round(m.events_per_commit, 1), 'of 64 senders');
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  },
};

function machine() {
  const system = fs.readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*)"/)?.[1];
  return `${system}, kernel ${os.release()}, ${os.cpus()[0].model.trim()}, ${os.cpus().length} CPUs, ` +
    `${Math.round(os.totalmem() / 2 ** 30)} GiB, load average ${round(load_at_start, 1)} at the start; ${new Date().toISOString().slice(0, 10)}`;
}

function table() {
  const lines = [['what', 'measured', 'measured beside it', 'ratio', 'target'], ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  lines.splice(1, 0, '|---|---|---|---|---|');
  return `${lines.join('\n')}\n\nMachine: ${machine()}.\n`;
}

const names = process.argv.slice(2).filter((word) => word !== '--write');
const write = process.argv.includes('--write');
const unknown = names.find((name) => !(name in benches));
if (unknown || (write && names.length > 0)) {
  console.error(unknown ? `no benchmark '${unknown}': ${Object.keys(benches).join(', ')}` : '--write needs all benchmarks');
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stderr.write(`==> ${name}\n`);
  await bench();
}
console.log(table());
if (write) {
  const file = path.join(here, 'README.md');
  const text = fs.readFileSync(file, 'utf8');
  const block = /(<!-- results -->\n)[\s\S]*(<!-- end of results -->)/;
  if (!block.test(text)) throw new Error(`${file} has no place for the results`);
  fs.writeFileSync(file, text.replace(block, (_, begin, end) => `${begin}${table()}${end}`));
}
process.exitCode = missed > 0 ? 1 : 0;
