// Two hosts on one database. One dies, or stands still for longer than its leases: the other takes its jobs over; no job is
// lost, and what the first one still wanted to write when it comes back is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Postgres } from '../support/postgres.mjs';
import { WebhookSender } from '../support/webhook_sender.mjs';
import { SECRET, check, start } from './loss_support.mjs';
import {
  FakeProvider, Host, acme, allRecords, connect, seeded, signal, startSync, syncEnd, temporaryFolder, until, within,
} from './support.mjs';

const LEASE = { TOMADA_JOBS_LEASE_MS: '2000' };
const SEED = Number(process.env.TOMADA_SEED ?? 20260101);
const PAGES = 40;
const PAGE_SIZE = 25;

function database(t) {
  const own = process.env.TOMADA_TEST_POSTGRES ? undefined : temporaryFolder();
  const postgres = own ? Postgres.start(own) : new Postgres(process.env.TOMADA_TEST_POSTGRES);
  if (own) t.after(() => { postgres.stop(); fs.rmSync(own, { recursive: true, force: true }); });
  return postgres.createDatabase();
}

// Another host on the same store: a data directory of its own, with the first one's master key.
function second(first) {
  const data_dir = temporaryFolder();
  fs.chmodSync(data_dir, 0o700);
  fs.copyFileSync(path.join(first.data_dir, 'master.key'), path.join(data_dir, 'master.key'));
  fs.chmodSync(path.join(data_dir, 'master.key'), 0o600);
  const { TOMADA_DATA_DIR: _, ...env } = first.env;
  return new Host({ data_dir, plugin_dir: first.plugin_dir, env: { ...env, TOMADA_DATA_DIR: data_dir } });
}

async function closed(t, host) {
  t.after(async () => {
    if (!host.child.exited) host.child.kill('SIGCONT');
    await host.close();
    fs.rmSync(host.data_dir, { recursive: true, force: true });
  });
}

function everyRecordOnce(records, count) {
  assert.equal(records.length, count);
  assert.equal(new Set(records.map(({ external_id }) => external_id)).size, count, 'each id stands once');
  assert.deepEqual(records.filter(({ version }) => version !== 1), [], 'and changed once');
}

// A sync on the first host, held at its tenth page; `harm` does something to it then, and a second host appears.
async function takenOver(t, harm) {
  const provider = await FakeProvider.start({ count: PAGES * PAGE_SIZE, page_size: PAGE_SIZE });
  t.after(() => provider.stop());
  const { host: first, key } = await acme(t, { provider, env: { TOMADA_STORE: database(t), ...LEASE } });
  const integration = await connect(first, key, provider);
  const held = signal();
  const go_on = signal();
  provider.when = async (request, index) => {
    if (index !== 9) return undefined;
    held.raise();
    await go_on.raised;
    return undefined;
  };
  await startSync(first, key, integration);
  await within(held.raised, 'the tenth page');
  await harm(first);
  go_on.raise();
  const other = second(first);
  await other.launch();
  await closed(t, other);
  const end = await syncEnd(other, key, integration);
  assert.equal(end.status, 'completed', JSON.stringify(end));
  everyRecordOnce(await allRecords(other, key, integration), PAGES * PAGE_SIZE);
  return { first, other, key, integration };
}

test('kill -9 of the host that syncs: the other one goes on from the last checkpoint', async (t) => {
  await takenOver(t, (host) => host.kill());
});

test('a host that stood still for longer than its lease writes nothing when it comes back', async (t) => {
  const { first, other, key, integration } = await takenOver(t, (host) => host.child.kill('SIGSTOP'));
  const before = await allRecords(other, key, integration);
  first.child.kill('SIGCONT');
  await until('the first host to notice', () => (/lease .*(is|was) lost/.test(first.log) ? true : undefined));
  assert.deepEqual(await allRecords(other, key, integration), before);
  const { body } = await first.api('GET', `/v1/integrations/${integration}/sync/logs`, { key });
  assert.deepEqual(body.logs.map(({ status }) => status), ['completed'], 'the fenced host changed nothing of the run');
});

test('webhooks at both hosts while one is killed and one stands still: none lost, none twice', async (t) => {
  const setup = await start({ env: { TOMADA_STORE: database(t), ...LEASE } });
  t.after(() => setup.close());
  const other = second(setup.host);
  await other.launch();
  await closed(t, other);
  const senders = [setup.host, other].map((host, i) => new WebhookSender({
    url: `${host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + i), prefix: `h${i}`, connections: 2 }));
  t.after(() => Promise.all(senders.map((sender) => sender.abort())));
  const random = seeded(SEED + 9);
  for (const sender of senders) sender.start();
  for (let round = 0; round < 3; ++round) {
    await within(Promise.all(senders.map((sender) => sender.acks(1 + random(150)))), `acknowledgements of round ${round}`);
    await other.kill();
    await within(senders[0].acks(1 + random(100)), 'the other host to go on');
    await other.launch();
    await within(senders[1].acks(1 + random(50)), 'the killed host to be back');
    setup.host.child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3000));  // longer than a lease
    setup.host.child.kill('SIGCONT');
  }
  await within(Promise.all(senders.map((sender) => sender.acks(20))), 'the last acknowledgements');
  await Promise.all(senders.map((sender) => sender.stop()));
  const both = {
    acknowledged: new Map(senders.flatMap((sender) => [...sender.acknowledged])),
    offered: new Set(senders.flatMap((sender) => [...sender.offered])),
    wrong: senders.flatMap((sender) => sender.wrong),
    sent: senders[0].sent + senders[1].sent,
    resent: senders[0].resent + senders[1].resent,
    statuses: senders.map((sender) => sender.statuses),
  };
  await check(t, setup, both);
});
