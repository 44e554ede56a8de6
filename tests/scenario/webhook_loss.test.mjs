// A provider sends events while the power goes, again and again, in the middle of it: on a disk that is slow now and then,
// and on one that is full. Whatever was acknowledged is there once, and took effect once; counted by id.
//   TOMADA_KILLS=N (20), TOMADA_SEED=N
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { WebhookSender } from '../support/webhook_sender.mjs';
import { Host, allRecords, seeded, temporaryFolder, tenant, until, within } from './support.mjs';

const KILLS = Number(process.env.TOMADA_KILLS ?? 20);
const KILLS_ON_A_FULL_DISK = Math.min(40, Math.ceil(KILLS / 10));
const SEED = Number(process.env.TOMADA_SEED ?? 20260101);
const SECRET = 'the-sender-knows-it';
const ACKS_BETWEEN_KILLS = 120;
const SLOW_DISK_MS = 40;
// Room for the events of 40 kills, and for a log that is moved into the database now and then.
const DISK_MIB = 64;
const LOG_MIB = 4;
// The plugin that counts, and the library that slows flushes down, are built beside this suite.
const tools = process.env.TOMADA_TEST_TOOLS ?? path.resolve(path.dirname(process.env.TOMADA_BIN ?? 'build/dev/bin/tomada'), '../tests/scenario');

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A host with an integration that counts events; all of it is closed by close().
async function start({ data_dir } = {}) {
  const plugin_dir = temporaryFolder();
  fs.copyFileSync(path.join(tools, 'event_counter.so'), path.join(plugin_dir, 'event_counter.so'));
  // After a kill the next host must not wait long for what the dead one had in hand.
  const host = new Host({ data_dir, plugin_dir,
    env: { TOMADA_JOBS_LEASE_MS: '5000', TOMADA_STORE_WAL_BYTES_MAX: String(LOG_MIB * 1024 * 1024) } });
  const close = async () => {
    try {
      await host.close();
    } finally {
      fs.rmSync(plugin_dir, { recursive: true });
    }
  };
  try {
    await host.launch();
    const key = await tenant(host, 'acme', ['event-counter']);
    const answer = await host.api('POST', '/v1/integrations', { key,
      body: { provider: 'event-counter', name: 'counts', config: {}, credentials: { webhook_secret: SECRET } } });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return { host, key, id: answer.body.id, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function slowDown(host, slow) {
  const { LD_PRELOAD, SLOW_DISK_MS: _, ...env } = host.env;
  const asan = `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`;
  host.env = slow ? { ...env, LD_PRELOAD: path.join(tools, 'slow_disk.so'), SLOW_DISK_MS: String(SLOW_DISK_MS), ASAN_OPTIONS: asan } : env;
}

async function allEvents(host, key, id) {
  const events = [];
  for (let cursor = ''; cursor !== undefined;) {
    const { status, body } = await host.api('GET', `/v1/integrations/${id}/webhooks/logs?limit=1000${cursor && `&cursor=${cursor}`}`, { key });
    assert.equal(status, 200, JSON.stringify(body));
    events.push(...body.logs);
    cursor = body.next_cursor ?? undefined;
  }
  return events;
}

async function worked_off(host, key, id, seconds) {
  await until('every event to be worked off', async () => {
    for (const status of ['pending', 'processing']) {
      const { body } = await host.api('GET', `/v1/integrations/${id}/webhooks/logs?status=${status}&limit=1`, { key });
      if (body.logs.length > 0) return undefined;
    }
    return true;
  }, { seconds, every_ms: 100 });
}

// What must hold, whatever happened.
async function check(t, { host, key, id }, sender) {
  await worked_off(host, key, id, 60 + KILLS);
  const events = await allEvents(host, key, id);
  const records = await allRecords(host, key, id);
  t.diagnostic(`${sender.acknowledged.size} of ${sender.sent} events acknowledged, ${sender.resent} sent again, ` +
    `${events.length} stored; answers ${JSON.stringify(sender.statuses)}`);
  assert.deepEqual(sender.wrong, [], 'every answer was 200 or 503, and an event kept its name');

  const stored = new Map(events.map((event) => [event.event_id, event]));
  assert.equal(stored.size, events.length, 'no event is stored twice');
  for (const [event_id, name] of sender.acknowledged) assert.equal(stored.get(event_id)?.id, name, `${event_id} was acknowledged`);
  for (const event_id of stored.keys()) assert.ok(sender.offered.has(event_id), `${event_id} was sent`);
  assert.deepEqual(events.filter(({ status }) => status !== 'completed'), [], 'all of them worked off');

  const effects = new Map(records.map((record) => [record.external_id, record]));
  assert.equal(effects.size, records.length, 'each id stands once in the change order');
  assert.deepEqual([...effects.keys()].sort(), [...stored.keys()].sort(), 'an effect for each stored event, and no other');
  const counts = new Map();
  for (const { external_id, version, data } of records) {
    assert.equal(version, 1, `${external_id} took effect once`);
    counts.set(data.subject, [...(counts.get(data.subject) ?? []), data.count]);
  }
  for (const [subject, numbers] of counts)
    assert.deepEqual(numbers.sort((a, b) => a - b), numbers.map((_, i) => i + 1), `${subject}: each event was counted once`);
}

test(`kill -9 at ${KILLS - KILLS_ON_A_FULL_DISK} random moments: no acknowledged event is lost or doubled`, async (t) => {
  t.diagnostic(`seed ${SEED}, ${KILLS} kills in all: TOMADA_SEED=${SEED} TOMADA_KILLS=${KILLS} plays it again`);
  const random = seeded(SEED);
  const setup = await start();
  const { host } = setup;
  const sender = new WebhookSender({ url: `${host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + 1) });
  t.after(async () => {
    await sender.abort();
    await setup.close();
  });
  sender.start();
  for (let kill = 0; kill < KILLS - KILLS_ON_A_FULL_DISK; ++kill) {
    await within(sender.acks(1 + random(ACKS_BETWEEN_KILLS)), `acknowledgements before kill ${kill} of seed ${SEED}`);
    await pause(random(30));
    await host.kill();
    slowDown(host, random(3) === 0);
    await host.launch();
  }
  await within(sender.acks(20), 'the last acknowledgements');
  await sender.stop();
  await check(t, setup, sender);
});

test(`and ${KILLS_ON_A_FULL_DISK} on a disk that is full: refused, not lost`, async (t) => {
  const data_dir = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', data_dir], { stdio: 'ignore' });
  } catch {
    fs.rmSync(data_dir, { recursive: true });
    return t.skip('needs the right to mount a small file system');
  }
  const random = seeded(SEED + 2);
  let setup;
  let sender;
  // In this order: the file system goes last.
  t.after(async () => {
    await sender?.abort();
    await setup?.close();
    execFileSync('umount', [data_dir]);
    fs.rmSync(data_dir, { recursive: true });
  });
  setup = await start({ data_dir });
  const { host } = setup;
  const filler = path.join(data_dir, 'filler');
  sender = new WebhookSender({ url: `${host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + 3), prefix: 'f' });
  sender.start();
  for (let kill = 0; kill < KILLS_ON_A_FULL_DISK; ++kill) {
    await within(sender.acks(1 + random(ACKS_BETWEEN_KILLS)), `acknowledgements before the disk is full, ${kill} of seed ${SEED}`);
    const refused = sender.statuses[503] ?? 0;
    fillUp(filler);
    await until('events to be refused', () => ((sender.statuses[503] ?? 0) > refused ? true : undefined));
    await pause(random(30));
    // Killed while there is no room, or just after there was some again.
    if (random(2) === 0) {
      fs.rmSync(filler);
      await pause(random(10));
    }
    await host.kill();
    fs.rmSync(filler, { force: true });
    await host.launch();
  }
  await within(sender.acks(20), 'the last acknowledgements');
  await sender.stop();
  await check(t, setup, sender);
  return undefined;
});

function fillUp(file) {
  const handle = fs.openSync(file, 'w');
  try {
    for (;;) fs.writeSync(handle, Buffer.alloc(4096));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  } finally {
    fs.closeSync(handle);
  }
}
