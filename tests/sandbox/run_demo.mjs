// The demo behind `./dev run`: a real S3 server with real files of this machine, the host, and two syncs that are
// checked against the server's own listing; then a Stripe-like API, synced and followed by webhooks. Ends with a table;
// stays up until Ctrl-C, or with --once ends.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { Host, allRecords, freePort, plugins, program, syncEnd, temporaryFolder } from '../support/host.mjs';
import { S3, credentials, fill, machineFiles } from './s3.mjs';
import { startStripe, stripeDemo } from './stripe_demo.mjs';

const FILES = 5200;
const FILES_MIN = 5000;
const PORT = 7070;
const BUCKET = 'demo';
const once = process.argv.includes('--once');

const rows = [];
let host;
let s3;
let stripe;
let folder;

// A line that stays.
function show(text) {
  progress('');
  console.log(text);
}

// One line for each step: rewritten on a terminal, its last state alone elsewhere.
const terminal = process.stdout.isTTY && process.env.TERM !== 'dumb';
function progress(text) {
  if (terminal) process.stdout.write(`\r\x1b[K${text}`);
}
async function step(title, work) {
  progress(`${title} …`);
  const start = performance.now();
  const result = await work((done, total) => progress(`${title} … ${done}${total ? ` of ${total}` : ''}`));
  const seconds = (performance.now() - start) / 1000;
  if (terminal) process.stdout.write('\r\x1b[K');
  console.log(`${title}: ${result} (${seconds.toFixed(1)} s)`);
  rows.push([title, String(result), `${seconds.toFixed(1)} s`]);
}

function check(claim, holds, detail = '') {
  if (!holds) throw new Error(`the check failed: ${claim}${detail && ` (${detail})`}`);
}

function expect(answer, status, what) {
  check(what, answer.status === status, `${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');
const dataOf = ({ data }) => (typeof data === 'string' ? JSON.parse(data) : data);

// Every object of the server's listing is one live record with the same content, and there is no other.
async function compare(key, integration) {
  const listing = await s3.list();
  const records = await allRecords(host, key, integration);
  const byId = new Map(records.map((record) => [record.external_id, record]));
  check('each id appears once', byId.size === records.length, `${records.length} records, ${byId.size} ids`);
  const live = records.filter((record) => !record.deleted);
  check('as many live records as objects', live.length === listing.size, `${live.length} and ${listing.size}`);
  for (const [id, object] of listing) {
    const record = byId.get(id);
    check(`${id} has a record`, record && !record.deleted);
    const data = dataOf(record);
    check(`${id} has the listing's size and etag`,
      Number(data.size) === object.size && String(data.etag).replaceAll('"', '') === object.etag, JSON.stringify(data));
  }
  return { byId, live: live.length };
}

async function sync(key, integration, report) {
  expect(await host.api('POST', `/v1/integrations/${integration}/sync`, { key, body: { mode: 'full' } }), 202, 'the sync starts');
  const end = await syncEnd(host, key, integration, {
    seconds: 600,
    watch: ({ progress: p }) => report(p?.current ?? 0, p?.total ?? 0),
  });
  if (end.status !== 'completed') {
    const logs = await host.api('GET', `/v1/integrations/${integration}/sync/logs`, { key });
    throw new Error(`the sync ended as ${end.status}: ${JSON.stringify(logs.body)}`);
  }
}

async function demo() {
  check(`${program} is there (./dev build)`, fs.existsSync(program));
  folder = temporaryFolder();
  const files = machineFiles(FILES);
  check(`this machine has ${FILES_MIN} small files`, files.length > FILES_MIN, `${files.length}`);

  await step('S3 server (s3rver)', async () => {
    fs.mkdirSync(path.join(folder, 's3'));
    s3 = await S3.start(path.join(folder, 's3'), BUCKET);
    return s3.url;
  });
  await step('Bucket filled', async (report) => {
    await fill(s3, files, (done) => report(done, files.length));
    return `${files.length} files`;
  });

  await step('Host started', async () => {
    let port = await freePort(PORT);
    if (port === undefined) {
      port = await freePort();
      console.log(`Port ${PORT} is in use by another program; the host listens on ${port} instead.`);
    }
    fs.mkdirSync(path.join(folder, 'data'));
    stripe = await startStripe();
    host = await Host.start({
      data_dir: path.join(folder, 'data'), port, plugin_dir: plugins,
      env: { TOMADA_HTTP_ALLOW_PRIVATE: `${s3.address},${stripe.address}` },
    });
    return `${host.url}, data in SQLite`;
  });

  let key;
  let integration;
  await step('Tenant, key, plugin', async () => {
    await host.cliOk('tenant', 'create', 'demo');
    key = await host.cliOk('key', 'create', '--tenant', 'demo', '--role', 'admin');
    await host.cliOk('plugin', 'allow', 'aws-s3', '--tenant', 'demo', '--yes');
    return 'demo may use aws-s3';
  });
  await step('S3 connected', async () => {
    const body = {
      provider: 'aws-s3', name: 'demo bucket', credentials,
      config: { bucket: BUCKET, region: 'us-east-1', endpoint: s3.url, path_style: true },
    };
    integration = expect(await host.api('POST', '/v1/integrations', { key, body }), 201, 'the integration is created').id;
    const test = expect(await host.api('POST', `/v1/integrations/${integration}/test`, { key }), 200, 'the test runs');
    check('the connection works', test.ok === true, JSON.stringify(test));
    return `test answered in ${test.latency_ms} ms`;
  });

  await step('S3, full sync', async (report) => {
    await sync(key, integration, report);
    const { live } = await compare(key, integration);
    check('all files are records', live === files.length, `${live}`);
    return `${live} records, equal to the bucket's listing`;
  });

  const changed = files[Math.floor(files.length / 3)].key;
  const deleted = files[Math.floor((files.length * 2) / 3)].key;
  const content = Buffer.from(`changed by the demo at ${new Date().toISOString()}\n`);
  await step('One file changed, one deleted', async () => {
    await s3.put(changed, content);
    await s3.remove(deleted);
    return `${path.basename(changed)}, ${path.basename(deleted)}`;
  });
  await step('S3, again', async (report) => {
    await sync(key, integration, report);
    const { byId, live } = await compare(key, integration);
    const now = byId.get(changed);
    check('the changed file has version 2', now.version === 2, `${now.version}`);
    check('the changed file has its new content', String(dataOf(now).etag).replaceAll('"', '') === md5(content));
    check('the deleted file is a deletion', byId.get(deleted)?.deleted === true);
    const untouched = [...byId.values()].filter((record) => record.version === 1 && !record.deleted).length;
    check('nothing else changed', untouched === files.length - 2, `${untouched}`);
    return `1 change, 1 deletion, ${live} records`;
  });

  const stripeIntegration = await stripeDemo({ host, key, sandbox: stripe, step, sync, check, expect, show });
  return { key, integration: stripeIntegration };
}

function table({ key, integration }) {
  const width = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  const line = '-'.repeat(width[0] + width[1] + 12);
  console.log(`\n${line}`);
  for (const [title, result, time] of rows) {
    console.log(`${title.padEnd(width[0])}  ${result.padEnd(width[1])}  ${time.padStart(8)}`);
  }
  console.log(line);
  console.log(`API        ${host.url}/v1/integrations\nHealth     ${host.url}/health\nMetrics    ${host.url}/metrics`);
  console.log(`Key        ${key}\n`);
  console.log('Try:');
  console.log(`  curl -H 'Authorization: Bearer ${key}' ${host.url}/v1/integrations`);
  console.log(`  curl -H 'Authorization: Bearer ${key}' '${host.url}/v1/integrations/${integration}/records?entity=customer&limit=2'`);
  console.log(`  curl -H 'Authorization: Bearer ${key}' '${host.url}/v1/integrations/${integration}/webhooks/logs?limit=2'`);
}

async function cleanUp() {
  try {
    if (host) check('the host stops cleanly', (await host.stop()) === 0, host.log.slice(-2000));
  } finally {
    await s3?.stop();
    await stripe?.stop();
    if (folder) fs.rmSync(folder, { recursive: true, force: true });
  }
}

let interrupt;
const interrupted = new Promise((resolve) => { interrupt = resolve; });
process.once('SIGINT', () => interrupt('interrupted'));
process.once('SIGTERM', () => interrupt('interrupted'));

let failed = false;
try {
  // The race is for an impatient Ctrl-C; what the demo was doing then fails against servers that are gone.
  const running = demo();
  running.catch(() => {});
  const result = await Promise.race([running, interrupted]);
  if (result !== 'interrupted') {
    table(result);
    if (!once) {
      console.log('\nUp until Ctrl-C.');
      await Promise.race([interrupted, host.ended.then(() => { throw new Error(`the host ended by itself:\n${host.log.slice(-4000)}`); })]);
    }
  } else if (once) {
    failed = true;
  }
} catch (error) {
  failed = true;
  if (terminal) process.stdout.write('\n');
  console.error(`demo: ${error.message}`);
  if (host?.log) console.error(`--- the host's log, its end ---\n${host.log.slice(-2000)}`);
}
try {
  await cleanUp();
  console.log('Stopped; nothing is left behind.');
} catch (error) {
  failed = true;
  console.error(`demo: ${error.message}`);
}
process.exit(failed ? 1 : 0);
