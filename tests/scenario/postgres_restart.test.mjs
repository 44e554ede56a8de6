// The database server crashes (pg_ctl restart -m immediate) again and again in the middle of syncs and webhook bursts.
// What was acknowledged is there once and took effect once, and no sync fails.
//   TOMADA_RESTARTS=N (8), TOMADA_SEED=N
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { Postgres } from '../support/postgres.mjs';
import { WebhookSender } from '../support/webhook_sender.mjs';
import { SECRET, check, start } from './loss_support.mjs';
import { FakeProvider, acme, allRecords, connect, seeded, signal, startSync, syncEnd, temporaryFolder, within } from './support.mjs';

const RESTARTS = Number(process.env.TOMADA_RESTARTS ?? 8);
const SEED = Number(process.env.TOMADA_SEED ?? 20260101);
const ACKS_BETWEEN = 200;
const PAGES = 120;
const PAGE_SIZE = 25;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function ownServer(t) {
  const folder = temporaryFolder();
  const postgres = Postgres.start(folder);
  t.after(() => {
    postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return postgres;
}

test('webhooks: no acknowledged event is lost or doubled', async (t) => {
  t.diagnostic(`seed ${SEED}, ${RESTARTS} restarts`);
  const random = seeded(SEED);
  const postgres = ownServer(t);
  const setup = await start({ env: { TOMADA_STORE: postgres.createDatabase(), TOMADA_JOBS_LEASE_MS: '2000' } });
  const sender = new WebhookSender({ url: `${setup.host.url}/webhooks/${setup.id}`, secret: SECRET, random: seeded(SEED + 1) });
  t.after(async () => {
    await sender.abort();
    await setup.close();
  });
  sender.start();
  for (let restart = 0; restart < RESTARTS; ++restart) {
    await within(sender.acks(1 + random(ACKS_BETWEEN)), `acknowledgements before restart ${restart} of seed ${SEED}`);
    await pause(random(30));
    postgres.restart();
  }
  await within(sender.acks(20), 'the last acknowledgements');
  await sender.stop();
  await check(t, setup, sender);
  t.diagnostic(`answers ${JSON.stringify(sender.statuses)}`);
});

test('syncs: each goes on from its last checkpoint', async (t) => {
  const random = seeded(SEED + 2);
  const postgres = ownServer(t);
  const provider = await FakeProvider.start({ count: PAGES * PAGE_SIZE, page_size: PAGE_SIZE });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider, env: { TOMADA_STORE: postgres.createDatabase(), TOMADA_JOBS_LEASE_MS: '2000' } });
  const integration = await connect(host, key, provider);
  let until_restart = 0;
  let asked = signal();
  provider.when = () => {
    if (--until_restart === 0) asked.raise();
    return undefined;
  };
  until_restart = 1 + random(10);
  await startSync(host, key, integration);
  for (let restart = 0; restart < RESTARTS; ++restart) {
    await within(asked.raised, `restart ${restart} of seed ${SEED}`);
    await pause(random(4));
    asked = signal();
    until_restart = restart + 1 < RESTARTS ? 1 + random(Math.floor(PAGES / RESTARTS / 2)) : 0;
    postgres.restart();
  }
  const end = await syncEnd(host, key, integration);
  assert.equal(end.status, 'completed', JSON.stringify(end));
  const records = await allRecords(host, key, integration);
  assert.equal(records.length, PAGES * PAGE_SIZE);
  assert.equal(new Set(records.map(({ external_id }) => external_id)).size, records.length, 'each id stands once');
  assert.deepEqual(records.filter(({ version }) => version !== 1), [], 'and changed once');
  const sequences = postgres.sql(new URL(host.env.TOMADA_STORE).pathname.slice(1),
    'SELECT sequence FROM integrations.records ORDER BY sequence').map(Number);
  assert.equal(new Set(sequences).size, records.length);
});
