// The power goes twenty times in the middle of a sync. Nothing may be lost and nothing doubled, counted by id.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, allRecords, connect, seeded, signal, startSync, syncEnd, within } from './support.mjs';

const SYNCS = 5;
const KILLS_EACH = 4;
const PAGES = 80;
const PAGE_SIZE = 25;
// Half of a kill's share of the pages, so that the fourth one still lands inside the sync.
const PAGES_BEFORE_KILL = PAGES / KILLS_EACH / 2;

test('kill -9 at 20 random moments of a sync: nothing lost, nothing doubled', async (t) => {
  const seed = Number(process.env.TOMADA_SEED ?? 20260101);
  t.diagnostic(`seed ${seed}`);
  const random = seeded(seed);
  const provider = await FakeProvider.start({ count: PAGES * PAGE_SIZE, page_size: PAGE_SIZE });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const integration = await connect(host, key, provider);

  // What must be true at the end: how often the host should have seen each item change.
  const changes = new Map([...provider.items.keys()].map((id) => [id, 1]));
  const deleted = new Set();
  const astray = [];  // requests after a restart that did not go on from the last checkpoint
  let kills = 0;

  for (let run = 0; run < SYNCS; ++run) {
    let last = '';  // the cursor that was asked for last
    let stop_at = 0;
    let asked = signal();
    let first_after_start = true;
    let next = '';  // and what its answer said comes then
    provider.when = (request) => {
      const cursor = request.query.get('cursor') ?? '';
      // The page that was under way is asked for again, or the next one when its checkpoint had been committed.
      if (first_after_start && cursor !== last && cursor !== next) astray.push(`'${cursor}' after '${last}'`);
      first_after_start = false;
      last = cursor;
      next = provider.page(request).body.next ?? '';
      if (--stop_at === 0) asked.raise();
      return undefined;
    };
    stop_at = 1 + random(PAGES_BEFORE_KILL);
    await startSync(host, key, integration);
    for (let kill = 0; kill < KILLS_EACH; ++kill) {
      await within(asked.raised, `kill ${kills + 1} of seed ${seed}`);
      // Somewhere between the request, its answer, the commit and the next request.
      await new Promise((resolve) => setTimeout(resolve, random(4)));
      await host.kill();
      ++kills;
      asked = signal();
      first_after_start = true;
      stop_at = kill + 1 < KILLS_EACH ? 1 + random(PAGES_BEFORE_KILL) : 0;
      await host.launch();
    }
    const end = await syncEnd(host, key, integration);
    assert.equal(end.status, 'completed', `run ${run}`);

    assert.deepEqual(astray, []);
    const records = await allRecords(host, key, integration);
    const byId = new Map(records.map((record) => [record.external_id, record]));
    assert.equal(byId.size, records.length, 'each id stands once in the change order');
    assert.equal(byId.size, changes.size, 'as many ids as were ever seen');
    for (const [id, versions] of changes) {
      const record = byId.get(id);
      assert.equal(record.deleted, deleted.has(id), id);
      assert.equal(record.version, versions, `${id} changed as often as it did at the provider`);
      if (!record.deleted) assert.equal(record.data.name, provider.items.get(id).name);
    }

    // The next run has something to do on every page.
    for (const id of [...provider.items.keys()]) {
      const fate = random(10);
      if (fate === 0) {
        provider.remove(id);
        deleted.add(id);
        changes.set(id, changes.get(id) + 1);
        const successor = `${id}-${run}`;
        provider.set(successor, 'Item that took its place');
        changes.set(successor, 1);
      } else if (fate < 4) {
        provider.set(id, `Item changed for run ${run + 1}`);
        changes.set(id, changes.get(id) + 1);
      }
    }
  }
  assert.equal(kills, 20);
});
