// What a run may conclude from what it saw: changes always, deletions only after a full run that came to its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, allRecords, connect, lastSync, startSync, syncEnd } from './support.mjs';

async function synced(t, count) {
  const provider = await FakeProvider.start({ count, page_size: 10 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider, env: { TOMADA_JOBS_ATTEMPTS_MAX: '1' } });
  const integration = await connect(host, key, provider);
  const sync = async (mode) => {
    await startSync(host, key, integration, mode);
    return syncEnd(host, key, integration);
  };
  assert.equal((await sync('full')).status, 'completed');
  const byId = async () => new Map((await allRecords(host, key, integration)).map((r) => [r.external_id, r]));
  return { provider, host, key, integration, sync, byId };
}

test('an incremental run asks for what changed and deletes nothing', async (t) => {
  const { provider, sync, byId } = await synced(t, 35);
  provider.set('item-00003', 'renamed');
  provider.set('item-90000', 'new');
  provider.remove('item-00004');
  provider.requests.length = 0;
  assert.equal((await sync('incremental')).status, 'completed');
  assert.ok(provider.requests.length >= 1);
  assert.ok(provider.requests.every(({ query }) => query.get('updated_since')), 'each page was asked for by time');
  const records = await byId();
  assert.equal(records.size, 36);
  assert.equal(records.get('item-00003').version, 2);
  assert.equal(records.get('item-00003').data.name, 'renamed');
  assert.equal(records.get('item-90000').version, 1);
  assert.equal(records.get('item-00004').deleted, false, 'an incremental run does not see everything');
});

test('a completed full run turns what it did not see into deletions', async (t) => {
  const { provider, sync, byId, host, key, integration } = await synced(t, 35);
  provider.remove('item-00004');
  provider.remove('item-00034');
  assert.equal((await sync('full')).status, 'completed');
  const records = await byId();
  assert.deepEqual([...records.values()].filter((r) => r.deleted).map((r) => r.external_id).sort(), ['item-00004', 'item-00034']);
  assert.equal((await lastSync(host, key, integration)).records_deleted, 2);
  // Back again: alive, one change later.
  provider.set('item-00004', 'back');
  assert.equal((await sync('full')).status, 'completed');
  assert.equal((await byId()).get('item-00004').deleted, false);
});

test('a full run that is cut deletes nothing', async (t) => {
  const { provider, sync, byId } = await synced(t, 35);
  provider.remove('item-00001');
  provider.remove('item-00030');
  provider.when = ({ query }) => (query.get('cursor') ? { status: 403, body: { error: 'closed' } } : undefined);
  assert.equal((await sync('full')).status, 'failed');
  assert.equal([...(await byId()).values()].filter((r) => r.deleted).length, 0);
  provider.when = () => undefined;
  assert.equal((await sync('full')).status, 'completed');
  assert.equal([...(await byId()).values()].filter((r) => r.deleted).length, 2);
});

test('a run that finds nothing new makes no change', async (t) => {
  const { sync, byId, host, key, integration } = await synced(t, 20);
  const before = await byId();
  assert.equal((await sync('full')).status, 'completed');
  assert.deepEqual(await byId(), before);
  const line = await lastSync(host, key, integration);
  assert.equal(line.records_changed, 0);
  assert.equal(line.records_successful, 20);
});
