// The PostgreSQL store, on a server of its own with its durable defaults: the store alone and the whole host, each against
// bare inserts by unnest of as many such rows into the same tables of the same server; and the job queue, short and long.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { program, temporaryFolder } from '../support/host.mjs';
import { Postgres } from '../support/postgres.mjs';
import { median, syncBench } from './sync_bench.mjs';
import { webhookBench } from './webhook_bench.mjs';

const exec = promisify(execFile);
const GROUP = 64;
const PAGE = 1000;

async function measure(...words) {
  const { stdout } = await exec(path.join(path.dirname(program), 'postgres_bench'), words.map(String));
  return JSON.parse(stdout);
}

function ratios(ours, bare) {
  const each = ours.map((value, i) => value / bare[i]);
  return { per_second: median(ours), bare_per_second: median(bare), ratio: median(each), ratio_min: Math.min(...each), ratio_max: Math.max(...each) };
}

// Webhooks in through the real host, one round at a time, and the yardstick after each.
async function hostWebhooks(postgres, rounds, seconds) {
  const ours = [];
  const bare = [];
  const processed = [];
  for (let round = 0; round < rounds; ++round) {
    const { summary, proof, processed_per_second } = await webhookBench({ rounds: 1, seconds, only: ['tomada'], env: { TOMADA_STORE: postgres.createDatabase() } });
    if (proof.tomada.missing > 0 || proof.tomada.doubled > 0) throw new Error(`events are missing: ${JSON.stringify(proof)}`);
    ours.push(summary.tomada.per_second);
    processed.push(processed_per_second);
    bare.push((await measure('bare_webhooks', postgres.createDatabase(), 100_000, GROUP)).per_second);
  }
  return { ...ratios(ours, bare), processed_per_second: median(processed) };
}

export async function postgresBench({ rounds = 5, seconds = 4, only = ['webhooks', 'records', 'host_webhooks', 'host_sync', 'jobs'] } = {}) {
  const folder = temporaryFolder();
  const postgres = Postgres.start(folder, { settings: ['max_wal_size=4GB', 'shared_buffers=512MB'] });
  const result = {};
  const parts = {
    webhooks: () => measure('webhooks', postgres.createDatabase(), 50_000, GROUP, rounds),
    records: () => measure('records', postgres.createDatabase(), 50_000, PAGE, rounds),
    host_webhooks: () => hostWebhooks(postgres, rounds, seconds),
    async host_sync() {
      const m = await syncBench({ rounds, pages: 100, env: () => ({ TOMADA_STORE: postgres.createDatabase() }),
        raw_round: async () => ({ rows: 100 * PAGE, rows_per_second: (await measure('bare_records', postgres.createDatabase(), 100 * PAGE, PAGE)).per_second }) });
      return { per_second: m.sync_rows_per_second, again_per_second: m.again_rows_per_second, bare_per_second: m.raw_rows_per_second,
        ratio: m.ratio, ratio_min: m.ratio_min, ratio_max: m.ratio_max };
    },
    async jobs() {
      const few = [];
      const many = [];
      const long = postgres.createDatabase();
      await measure('jobs', long, 1_000_000, 1, 1);  // makes them
      postgres.sql(new URL(long).pathname.slice(1), 'VACUUM ANALYZE integrations.jobs');
      postgres.sql('postgres', 'CHECKPOINT');
      for (let round = 0; round < rounds; ++round) {
        few.push((await measure('jobs', postgres.createDatabase(), 1_000, 5_000, 4)).per_second);
        many.push((await measure('jobs', long, 0, 5_000, 4)).per_second);
      }
      return { ...ratios(few, many), per_second_with_1000: median(few), per_second_with_1000000: median(many) };
    },
  };
  try {
    for (const name of only) result[name] = await parts[name]();
    return result;
  } finally {
    postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // postgres_bench.mjs [ROUNDS] [SECONDS] [PART...]
  const [rounds, seconds, ...only] = process.argv.slice(2);
  console.log(JSON.stringify(await postgresBench({ rounds: Number(rounds ?? 5), seconds: Number(seconds ?? 4), ...(only.length > 0 ? { only } : {}) }), null, 1));
}
